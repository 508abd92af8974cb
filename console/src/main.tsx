import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRootRoute, createRoute, createRouter, Link, RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createFeed, FeedProvider, frameSchedule } from "./live/index.ts";
import { NodesPage, readNodesSearch } from "./nodes/index.ts";
import { PullsPage, readSearch } from "./pulls/index.ts";
import "@fontsource-variable/ibm-plex-sans";
import "./tokens.css";
import "./page.css";
import "./list/list.css";
import "./pulls/pulls.css";
import "./pulls/detail.css";
import "./pulls/troubles.css";
import "./pulls/images.css";
import "./nodes/nodes.css";

const feed = createFeed({ base: "", fetch: (url, init) => fetch(url, init), schedule: frameSchedule });
const queries = new QueryClient();

const root = createRootRoute({ notFoundComponent: NotFound });
const pulls = createRoute({ getParentRoute: () => root, path: "/", validateSearch: readSearch, component: PullsRoute });
const nodes = createRoute({
  getParentRoute: () => root,
  path: "/nodes",
  validateSearch: readNodesSearch,
  component: NodesRoute,
});

const router = createRouter({
  routeTree: root.addChildren([pulls, nodes]),
  // Plain query strings that people can write by hand; the router's own form is JSON.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: writeSearch,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function PullsRoute() {
  const search = pulls.useSearch();
  const navigate = pulls.useNavigate();
  return (
    <PullsPage
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true, resetScroll: false })}
    />
  );
}

function NodesRoute() {
  const search = nodes.useSearch();
  const navigate = nodes.useNavigate();
  return (
    <NodesPage
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true, resetScroll: false })}
    />
  );
}

function NotFound() {
  return (
    <main className="state">
      <h1>There is no such page</h1>
      <p>
        <Link to="/">Go to the pulls</Link>
      </p>
    </main>
  );
}

function writeSearch(search: Record<string, unknown>): string {
  const out: string[] = [];
  for (const [name, value] of Object.entries(search)) {
    if (value === true) out.push(name);
    else if (typeof value === "string" && value !== "") out.push(`${name}=${encodeURIComponent(value)}`);
  }
  return out.length === 0 ? "" : `?${out.join("&")}`;
}

const place = document.querySelector("#root");
if (place === null) throw new Error("The page has no #root to draw into.");
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <FeedProvider feed={feed}>
        <RouterProvider router={router} />
      </FeedProvider>
    </QueryClientProvider>
  </StrictMode>,
);
