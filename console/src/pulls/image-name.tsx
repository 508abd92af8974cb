import { shortDigest, shortImageName, splitImageReference } from "../format/index.ts";

interface ImageNameProps {
  readonly imageRef: string;
  readonly manifestDigest?: string | undefined;
  readonly recording: boolean;
  readonly open: boolean;
  /** Id of what it opens. */
  readonly controls: string;
}

/** The image as `repository:tag` with its registry below, on the control that opens the row. */
export function ImageName({ imageRef, manifestDigest, recording, open, controls }: ImageNameProps) {
  const name = splitImageReference(imageRef);
  const digest = manifestDigest ?? name.digest;
  return (
    <>
      <button
        type="button"
        className="row-toggle line"
        aria-label={shortImageName(imageRef)}
        aria-expanded={open}
        {...(open ? { "aria-controls": controls } : {})}
        title={digest === undefined ? imageRef : `${imageRef}\n${digest}`}
      >
        <svg className="chevron" viewBox="0 0 8 8" aria-hidden="true">
          <path d="M2.5 1l3 3-3 3" />
        </svg>
        <span className="repository">{name.repository}</span>
        {name.tag === undefined ? null : <span className="tag">:{name.tag}</span>}
        {name.tag === undefined && name.digest !== undefined ? (
          <span className="tag">@{shortDigest(name.digest)}</span>
        ) : null}
      </button>
      <span className="line registry quiet">
        {recording ? <span className="recording-mark">recording</span> : null}
        {name.registry}
      </span>
    </>
  );
}

/** An id may hold anything; aria-controls cuts at spaces. */
export const detailId = (id: string): string => `detail-${id.replaceAll(/[^\w-]/g, "_")}`;
