import type { Socket } from "node:net";
import { errorCode, errorName, frameFlag, frameType, Http2Error, setting } from "./codes.ts";
import { type Answer, Exchange } from "./exchange.ts";
import { encodeFrame, encodeSettings, encodeUint32, type Frame, FrameCutter } from "./frame.ts";
import { HeaderAssembly } from "./header-assembly.ts";
import { decodeHeaderBlock, encodeHeaderBlock } from "./header-block.ts";
import type { HeaderField } from "./static-table.ts";
import { contentOf, goawayOf, largestWindow, numberOf, settingsOf } from "./payload.ts";
import { PeerSettings } from "./peer-settings.ts";
import { ReceiveWindow, SendWindow } from "./window.ts";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const defaultWindow = 65_535;
const streamWindow = 1024 * 1024;
const connectionWindow = 4 * 1024 * 1024;
const largestFrame = 16_384;
const headerLimitBytes = 64 * 1024;
/** Frames that bring no request further: a peer may send so many until one does. */
const idleFrameLimit = 10_000;
/** Of answers to PING and SETTINGS, which a peer that does not read would let pile up. */
const unreadLimitBytes = 1024 * 1024;
const lastStreamId = 0x7fffffff;
const nothing = Buffer.alloc(0);

export interface ConnectionListener {
  /** The peer speaks HTTP/2: its settings are here. */
  ready(): void;
  /** Once: no more requests from now on. Those that run may still be answered. */
  lost(): void;
}

export interface Http2Connection {
  /**
   * Sends a request as soon as the peer's limits let it. All failures are told by `answer.end`.
   * @returns how to give it up; `answer` hears nothing after that.
   * @throws TypeError for header fields that cannot be sent, Error after `lost`.
   */
  request(fields: readonly HeaderField[], body: Uint8Array, answer: Answer): { cancel(): void };
  /** Ends the connection, and with an error all that runs on it. */
  destroy(): void;
}

/** @param socket that is open or opening; it is the connection's from now on. */
export function connectHttp2(socket: Socket, listener: ConnectionListener): Http2Connection {
  return new Connection(socket, listener);
}

class Connection implements Http2Connection {
  private readonly socket: Socket;
  private readonly listener: ConnectionListener;
  private readonly cutter = new FrameCutter(largestFrame);
  private readonly peer = new PeerSettings();
  private readonly sendWindow = new SendWindow(defaultWindow);
  private readonly receiveWindow = new ReceiveWindow(connectionWindow);
  private readonly streams = new Map<number, Exchange>();
  private readonly waiting = new Map<Exchange, Buffer>();
  private outgoing: Buffer[] = [];
  private assembly: HeaderAssembly | undefined;
  private nextId = 1;
  private idleFrames = 0;
  private takesRequests = true;
  private ended = false;

  constructor(socket: Socket, listener: ConnectionListener) {
    this.socket = socket;
    this.listener = listener;
    socket.on("data", (chunk: Buffer) => this.take(chunk));
    socket.on("error", (error) => this.end(error));
    socket.once("close", () => this.end(new Error("the connection ended before the answer was complete")));
    const settings = encodeSettings([
      [setting.headerTableSize, 0],
      [setting.enablePush, 0],
      [setting.initialWindowSize, streamWindow],
      [setting.maxHeaderListSize, headerLimitBytes],
    ]);
    this.send(preface, encodeFrame(frameType.settings, frameFlag.none, 0, settings));
    this.give(0, connectionWindow - defaultWindow);
  }

  request(fields: readonly HeaderField[], body: Uint8Array, answer: Answer): { cancel(): void } {
    if (!this.takesRequests) throw new Error("the connection takes no more requests");
    const exchange = new Exchange(Buffer.from(body.buffer, body.byteOffset, body.byteLength), answer, streamWindow);
    this.waiting.set(exchange, encodeHeaderBlock(fields));
    this.beginRequests();
    return {
      cancel: () => {
        if (this.waiting.delete(exchange) || this.streams.get(exchange.id) !== exchange) return;
        this.reset(exchange, errorCode.cancel);
      },
    };
  }

  destroy(): void {
    this.end(new Error("the connection was closed"));
  }

  private beginRequests(): void {
    for (const [exchange, block] of this.waiting) {
      if (!this.takesRequests || this.streams.size >= this.peer.maxConcurrentStreams) return;
      this.waiting.delete(exchange);
      exchange.id = this.nextId;
      exchange.sendWindow.grow(this.peer.initialWindowSize);
      this.streams.set(exchange.id, exchange);
      this.sendHeaders(exchange, block);
      this.sendBody(exchange);
      this.nextId += 2;
      if (this.nextId > lastStreamId) this.retire(new Error("the connection has no more streams"));
    }
  }

  private sendHeaders(exchange: Exchange, block: Buffer): void {
    const limit = this.peer.maxFrameSize;
    let type: number = frameType.headers;
    let flags = exchange.unsent.byteLength === 0 ? frameFlag.endStream : frameFlag.none;
    for (let at = 0; at === 0 || at < block.byteLength; at += limit) {
      if (at + limit >= block.byteLength) flags |= frameFlag.endHeaders;
      this.send(encodeFrame(type, flags, exchange.id, block.subarray(at, at + limit)));
      type = frameType.continuation;
      flags = frameFlag.none;
    }
  }

  private sendBody(exchange: Exchange): void {
    while (exchange.unsent.byteLength > 0) {
      const allowed = Math.min(exchange.sendWindow.available, this.sendWindow.available, this.peer.maxFrameSize);
      if (allowed <= 0) return;
      const part = exchange.unsent.subarray(0, allowed);
      exchange.unsent = exchange.unsent.subarray(part.byteLength);
      exchange.sendWindow.available -= part.byteLength;
      this.sendWindow.available -= part.byteLength;
      const flags = exchange.unsent.byteLength === 0 ? frameFlag.endStream : frameFlag.none;
      this.send(encodeFrame(frameType.data, flags, exchange.id, part));
    }
  }

  private take(chunk: Buffer): void {
    try {
      this.cutter.push(chunk);
      for (let frame = this.cutter.next(); frame !== undefined && !this.ended; frame = this.cutter.next()) {
        this.takeFrame(frame);
      }
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      const code = error instanceof Http2Error ? error.code : errorCode.internalError;
      this.send(encodeFrame(frameType.goaway, frameFlag.none, 0, Buffer.concat([encodeUint32(0), encodeUint32(code)])));
      this.end(reason);
    }
  }

  private takeFrame(frame: Frame): void {
    if (!this.peer.known && frame.type !== frameType.settings) {
      throw new Http2Error(errorCode.protocolError, "the peer did not begin with its settings");
    }
    if (this.assembly !== undefined && frame.type !== frameType.continuation) {
      throw new Http2Error(errorCode.protocolError, "a frame within a header block");
    }
    this.idleFrames += 1;
    if (this.idleFrames > idleFrameLimit) throw new Http2Error(errorCode.enhanceYourCalm, "frames that serve nothing");
    switch (frame.type) {
      case frameType.data:
        return this.takeData(frame);
      case frameType.headers:
        return this.takeHeaders(new HeaderAssembly(this.ofStream(frame), headerLimitBytes));
      case frameType.continuation:
        if (this.assembly === undefined) throw new Http2Error(errorCode.protocolError, "CONTINUATION of nothing");
        this.assembly.add(frame);
        return this.takeHeaders(this.assembly);
      case frameType.rstStream:
        return this.takeReset(frame);
      case frameType.windowUpdate:
        return this.takeWindow(frame);
      case frameType.settings:
        return this.takeSettings(this.ofConnection(frame));
      case frameType.ping:
        return this.takePing(this.ofConnection(frame));
      case frameType.goaway:
        return this.takeGoaway(this.ofConnection(frame));
      case frameType.pushPromise:
        throw new Http2Error(errorCode.protocolError, "a push that we do not allow");
      default:
      // PRIORITY, which nobody heeds, and types of extensions, which are to be ignored (RFC 9113 section 5.5).
    }
  }

  private takeData(frame: Frame): void {
    const exchange = this.streams.get(this.ofStream(frame).streamId);
    const part = contentOf(frame, false);
    // Padding counts, and so does what comes for a stream that is closed by now.
    this.give(0, this.receiveWindow.take(frame.payload.byteLength));
    if (exchange === undefined) return;
    const given = exchange.receiveWindow.take(frame.payload.byteLength);
    this.withExchange(exchange, (frame.flags & frameFlag.endStream) !== 0, () => {
      exchange.takeData(part);
      if (part.byteLength > 0) this.idleFrames = 0;
      this.give(exchange.id, given);
    });
  }

  private takeHeaders(assembly: HeaderAssembly): void {
    this.assembly = assembly.complete ? undefined : assembly;
    if (!assembly.complete) return;
    const fields = decodeHeaderBlock(assembly.block, headerLimitBytes);
    const exchange = this.streams.get(assembly.streamId);
    if (exchange === undefined) return;
    this.withExchange(exchange, assembly.endStream, () => {
      if (exchange.takeFields(fields, assembly.endStream)) this.idleFrames = 0;
    });
  }

  /** A malformed answer ends its own request only. */
  private withExchange(exchange: Exchange, endStream: boolean, take: () => void): void {
    try {
      take();
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.reset(exchange, error.code);
      return exchange.finish(error);
    }
    // The one who hears the answer may have given it up just now.
    if (!endStream || this.streams.get(exchange.id) !== exchange) return;
    // The peer needs no more of the request.
    if (exchange.unsent.byteLength > 0) this.reset(exchange, errorCode.cancel);
    else this.forget(exchange);
    exchange.finish();
  }

  private takeReset(frame: Frame): void {
    const exchange = this.streams.get(this.ofStream(frame).streamId);
    const code = numberOf(frame);
    if (exchange === undefined) return;
    this.forget(exchange);
    exchange.finish(new Error(`the peer gave the request up (${errorName(code)})`));
  }

  private takeWindow(frame: Frame): void {
    const bytes = numberOf(frame) & largestWindow;
    if (bytes === 0) throw new Http2Error(errorCode.protocolError, "a window that grows by nothing");
    if (frame.streamId === 0) {
      this.sendWindow.grow(bytes);
      for (const exchange of this.streams.values()) this.sendBody(exchange);
      return;
    }
    const exchange = this.streams.get(this.ofStream(frame).streamId);
    if (exchange === undefined) return;
    exchange.sendWindow.grow(bytes);
    this.sendBody(exchange);
  }

  private takeSettings(frame: Frame): void {
    const settings = settingsOf(frame);
    if ((frame.flags & frameFlag.ack) !== 0) {
      if (settings.length > 0) throw new Http2Error(errorCode.frameSizeError, "SETTINGS that are acknowledged and set");
      return;
    }
    const first = !this.peer.known;
    const before = this.peer.initialWindowSize;
    this.peer.take(settings);
    this.sendAnswer(encodeFrame(frameType.settings, frameFlag.ack, 0, nothing));
    for (const exchange of this.streams.values()) {
      exchange.sendWindow.grow(this.peer.initialWindowSize - before);
      this.sendBody(exchange);
    }
    this.beginRequests();
    if (first) this.listener.ready();
  }

  private takePing(frame: Frame): void {
    if (frame.payload.byteLength !== 8) throw new Http2Error(errorCode.frameSizeError, "PING is not eight bytes");
    if ((frame.flags & frameFlag.ack) !== 0) return;
    this.sendAnswer(encodeFrame(frameType.ping, frameFlag.ack, 0, frame.payload));
  }

  private takeGoaway(frame: Frame): void {
    const goaway = goawayOf(frame);
    const reason = new Error(`the peer goes away (${errorName(goaway.code)})`);
    this.retire(reason);
    for (const exchange of this.streams.values()) {
      if (exchange.id <= goaway.lastStreamId) continue;
      this.forget(exchange);
      exchange.finish(reason);
    }
    this.endWhenDone();
  }

  /** Takes no more requests; those that wait for a stream get none. */
  private retire(reason: Error): void {
    if (!this.takesRequests) return;
    this.takesRequests = false;
    this.listener.lost();
    for (const exchange of this.waiting.keys()) {
      this.waiting.delete(exchange);
      exchange.finish(reason);
    }
  }

  private end(reason: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.flush();
    this.socket.destroy();
    this.retire(reason);
    for (const exchange of this.streams.values()) {
      this.streams.delete(exchange.id);
      exchange.finish(reason);
    }
  }

  private endWhenDone(): void {
    if (!this.takesRequests && this.streams.size === 0) this.end(new Error("the connection is done"));
  }

  private reset(exchange: Exchange, code: number): void {
    this.send(encodeFrame(frameType.rstStream, frameFlag.none, exchange.id, encodeUint32(code)));
    this.forget(exchange);
  }

  private forget(exchange: Exchange): void {
    this.streams.delete(exchange.id);
    this.beginRequests();
    this.endWhenDone();
  }

  /** Lets the peer send so much more. */
  private give(streamId: number, bytes: number): void {
    if (bytes > 0) this.send(encodeFrame(frameType.windowUpdate, frameFlag.none, streamId, encodeUint32(bytes)));
  }

  /** @throws Http2Error when the peer asks for more than it reads. */
  private sendAnswer(frame: Buffer): void {
    if (this.socket.writableLength > unreadLimitBytes) {
      throw new Http2Error(errorCode.enhanceYourCalm, "the peer does not read what it asks for");
    }
    this.send(frame);
  }

  /** What is sent in one turn of the event loop leaves in one piece. */
  private send(...bytes: Buffer[]): void {
    if (this.outgoing.length === 0) setImmediate(() => this.flush());
    this.outgoing.push(...bytes);
  }

  private flush(): void {
    const bytes = this.outgoing;
    this.outgoing = [];
    if (bytes.length > 0 && !this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  private ofConnection(frame: Frame): Frame {
    if (frame.streamId !== 0) throw new Http2Error(errorCode.protocolError, "a frame of the connection on a stream");
    return frame;
  }

  /** Streams are ours, odd, and begun by us. */
  private ofStream(frame: Frame): Frame {
    if (frame.streamId % 2 === 1 && frame.streamId < this.nextId) return frame;
    throw new Http2Error(errorCode.protocolError, `a frame of stream ${frame.streamId}, which was never opened`);
  }
}
