import { errorCode, Http2Error } from "./codes.ts";
import type { HeaderField } from "./static-table.ts";
import { ReceiveWindow, SendWindow } from "./window.ts";

/** Who hears the answer to a request. */
export interface Answer {
  /** The header fields of the response, and then its trailers, if it has any. */
  fields(fields: ReadonlyMap<string, string>): void;
  /** A part of the body; it is a view of memory that is not written again. */
  data(part: Buffer): void;
  /** Once, and nothing after it: the answer is complete, or why it never will be. */
  end(error?: Error): void;
}

/** One request with its answer: a stream of the connection (RFC 9113 sections 5.1 and 8.1). */
export class Exchange {
  /** 0 until the request has its stream. */
  id = 0;
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;
  /** What the peer's windows did not let through yet. */
  unsent: Buffer;
  private readonly answer: Answer;
  private responded = false;

  constructor(body: Buffer, answer: Answer, windowBytes: number) {
    this.unsent = body;
    this.answer = answer;
    this.sendWindow = new SendWindow(0);
    this.receiveWindow = new ReceiveWindow(windowBytes);
  }

  /**
   * @returns false for an interim response (1xx), which says nothing yet.
   * @throws Http2Error PROTOCOL_ERROR when they are not what may come now.
   */
  takeFields(fields: readonly HeaderField[], endStream: boolean): boolean {
    const found = wellFormed(fields);
    const status = found.get(":status");
    if (this.responded) {
      if (status !== undefined) throw malformed("a second response");
      if (!endStream) throw malformed("headers within a body");
    } else {
      if (status === undefined || !/^[1-9]\d\d$/.test(status)) throw malformed("a response without a status");
      if (status.startsWith("1")) {
        if (endStream) throw malformed("an interim response that ends the stream");
        return false;
      }
      this.responded = true;
    }
    this.answer.fields(found);
    return true;
  }

  takeData(part: Buffer): void {
    if (!this.responded) throw malformed("data before the headers");
    if (part.byteLength > 0) this.answer.data(part);
  }

  finish(error?: Error): void {
    this.unsent = Buffer.alloc(0);
    this.answer.end(error);
  }
}

/** Fields of a connection, which HTTP/2 has no place for (RFC 9113 section 8.2.2). */
const forbidden = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);

/** Of a field that comes twice the first counts. */
function wellFormed(fields: readonly HeaderField[]): Map<string, string> {
  const found = new Map<string, string>();
  let regular = false;
  for (const [name, value] of fields) {
    const pseudo = name.startsWith(":");
    if (pseudo && (name !== ":status" || regular || found.has(name))) throw malformed("a pseudo-header out of place");
    regular ||= !pseudo;
    if (!/^:?[!#-'*+\-.0-9^-z|~]+$/.test(name) || forbidden.has(name)) throw malformed("a forbidden header name");
    if (/[\0\r\n]/.test(value)) throw malformed("a line break in a header");
    if (!found.has(name)) found.set(name, value);
  }
  return found;
}

function malformed(what: string): Http2Error {
  return new Http2Error(errorCode.protocolError, `a malformed answer: ${what}`);
}
