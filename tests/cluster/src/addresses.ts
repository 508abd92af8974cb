/**
 * Which names and addresses a cluster has: all follow from its id, so that two never meet. A cluster has 10.x.0.0/16:
 * 10.x.0.0/24 is the network of the machine (.1) and its nodes (.11 and up), 10.x.N.0/24 are the pods of node N, and
 * 10.x.240.0/20 the Services.
 */
export interface AddressPlan {
  /** `10.x.0.0/16` */
  readonly network: string;
  /** The machine's own address in the network of the nodes. */
  readonly host: string;
  readonly services: string;
  /** The first address of the Services, which is the API server's own (`kubernetes.default`). */
  readonly apiService: string;
  /** For what only the machine itself may reach. Linux has the whole of 127.0.0.0/8 without being told. */
  readonly loopback: string;
  readonly bridge: string;
  readonly controlGroup: string;
}

export interface NodePlan {
  readonly name: string;
  readonly number: number;
  readonly address: string;
  readonly podSubnet: string;
  /** The end of the node's cable that is plugged into the bridge. */
  readonly cable: string;
  /** Below the controllers' roots. */
  readonly controlGroup: string;
}

/** What fits between the pods of node 1 and the Services. */
const mostNodes = 200;

/** @param id eight hexadecimal digits */
export function planAddresses(id: string): AddressPlan {
  const bytes = Buffer.from(id, "hex");
  const [first, second, third, fourth] = bytes;
  if (first === undefined || second === undefined || third === undefined || fourth === undefined || bytes.length !== 4)
    throw new RangeError(`the id of a cluster has eight hexadecimal digits, not: ${id}`);
  // 10.0 to 10.63 are what people's own networks and default clusters use (10.42, 10.96 and 10.244 avoided as well).
  const network = 100 + (first % 144);
  return {
    network: `10.${network}.0.0/16`,
    host: `10.${network}.0.1`,
    services: `10.${network}.240.0/20`,
    apiService: `10.${network}.240.1`,
    // Never 127.0.x.y, where everybody else is, and never an address that ends in 0 or 255.
    loopback: `127.${1 + (second % 254)}.${third}.${1 + (fourth % 254)}`,
    bridge: `wb${id}`,
    controlGroup: `waybill-${id}`,
  };
}

/** @param number from 1 */
export function planNode(id: string, plan: AddressPlan, number: number): NodePlan {
  if (!Number.isInteger(number) || number < 1 || number > mostNodes)
    throw new RangeError(`a cluster has at most ${mostNodes} nodes; there is no node ${number}`);
  const prefix = plan.host.split(".").slice(0, 2).join(".");
  const name = `node-${number}`;
  return {
    name,
    number,
    address: `${prefix}.0.${10 + number}`,
    podSubnet: `${prefix}.${number}.0/24`,
    cable: `wb${id}n${number}`,
    controlGroup: `${plan.controlGroup}/${name}`,
  };
}

/** Whether two IPv4 networks (`10.1.0.0/16`, or an address alone) have an address in common. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => {
    const [address = "", length = "32"] = text.split("/");
    const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    return { value, length: Number(length) };
  });
  if (a === undefined || b === undefined) return false;
  const size = 2 ** (32 - Math.min(a.length, b.length));
  return Math.floor(a.value / size) === Math.floor(b.value / size);
}
