/** Where one client is in the stream that all of them get. */
export interface Place {
  /** Bytes of the stream that it has. */
  offset: number;
  /** Its newest bytes, when they may be the beginning of a heartbeat. */
  held: Buffer;
  /** Bytes of a heartbeat that are still to come. */
  owed: number;
}

export function newPlace(): Place {
  return { offset: 0, held: Buffer.alloc(0), owed: 0 };
}

/**
 * The bytes that all clients must get, as the first at each place got them: what others get there is compared. Heartbeats
 * are each client's own, since each has a silence of its own: they are taken out wherever they stand.
 */
export function createSharedStream(options: {
  /** As the stream's encoding has it; never part of a message. */
  readonly heartbeat: Buffer;
  /** How far apart clients may be. */
  readonly windowBytes: number;
  /** Bytes that no client had before. */
  readonly onFresh: (bytes: Buffer) => void;
}) {
  const { heartbeat, windowBytes, onFresh } = options;
  const window = Buffer.allocUnsafeSlow(windowBytes);
  let length = 0;

  /** How many bytes are those of the stream from `offset` on. */
  const agreeing = (bytes: Buffer, offset: number): number => {
    for (let done = 0; done < bytes.length;) {
      const at = (offset + done) % windowBytes;
      const part = Math.min(bytes.length - done, windowBytes - at);
      if (window.compare(bytes, done, done + part, at, at + part) !== 0) {
        while (bytes[done] === window[(offset + done) % windowBytes]) done += 1;
        return done;
      }
      done += part;
    }
    return bytes.length;
  };
  const append = (bytes: Buffer): void => {
    for (let done = 0; done < bytes.length;) {
      const at = (length + done) % windowBytes;
      done += bytes.copy(window, at, done, Math.min(bytes.length, done + windowBytes - at));
    }
    length += bytes.length;
    if (bytes.length > 0) onFresh(bytes);
  };
  /** How many of the bytes before a difference belong to a heartbeat that begins there; undefined when none does. */
  const heartbeatAt = (bytes: Buffer, offset: number): number | undefined => {
    for (let before = 0; before < heartbeat.length && before <= offset; before += 1) {
      const rest = bytes.subarray(0, heartbeat.length - before);
      if (
        agreeing(heartbeat.subarray(0, before), offset - before) === before &&
        heartbeat.subarray(before, before + rest.length).equals(rest)
      )
        return before;
    }
    return undefined;
  };
  const withoutHeartbeats = (bytes: Buffer): Buffer => {
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(heartbeat); at !== -1; at = bytes.indexOf(heartbeat, from)) {
      parts.push(bytes.subarray(from, at));
      from = at + heartbeat.length;
    }
    return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(from)]);
  };
  const heldBytes = (bytes: Buffer): number => {
    for (let count = Math.min(bytes.length, heartbeat.length - 1); count > 0; count -= 1)
      if (bytes.subarray(bytes.length - count).equals(heartbeat.subarray(0, count))) return count;
    return 0;
  };
  const takeFresh = (place: Place, bytes: Buffer): void => {
    const fresh = withoutHeartbeats(bytes);
    const held = heldBytes(fresh);
    place.held = Buffer.from(fresh.subarray(fresh.length - held));
    append(Buffer.from(fresh.subarray(0, fresh.length - held)));
    place.offset = length;
  };

  return {
    length: (): number => length,
    /** False when the client got other bytes than the first one at that place, or is too far behind to know. */
    take(place: Place, piece: Buffer): boolean {
      if (length - place.offset > windowBytes) return false;
      let rest = place.held.length === 0 ? piece : Buffer.concat([place.held, piece]);
      place.held = Buffer.alloc(0);
      while (rest.length > 0) {
        if (place.owed > 0) {
          const part = rest.subarray(0, place.owed);
          const begin = heartbeat.length - place.owed;
          if (!heartbeat.subarray(begin, begin + part.length).equals(part)) return false;
          place.owed -= part.length;
          rest = rest.subarray(part.length);
          continue;
        }
        if (place.offset === length) {
          takeFresh(place, rest);
          return true;
        }
        const known = rest.subarray(0, length - place.offset);
        const same = agreeing(known, place.offset);
        place.offset += same;
        rest = rest.subarray(same);
        if (same === known.length) continue;
        const before = heartbeatAt(rest, place.offset);
        if (before === undefined) return false;
        place.offset -= before;
        place.owed = heartbeat.length - before;
      }
      return true;
    },
  };
}
