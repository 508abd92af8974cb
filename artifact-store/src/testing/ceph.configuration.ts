import { randomUUID } from "node:crypto";
import { join } from "node:path";

export interface CephPorts {
  readonly monitor: number;
  readonly gateway: number;
  /** Of a second gateway, which tests may kill. */
  readonly spare: number;
  /** The first of 40 that the object daemon may take. */
  readonly daemon: number;
}

/** One monitor, one object daemon with its objects in memory, one S3 gateway and a spare one; on the loopback interface alone. */
export function cephConfiguration(folder: string, ports: CephPorts): { readonly text: string; readonly fsid: string } {
  const fsid = randomUUID();
  const open = ["auth_cluster_required", "auth_service_required", "auth_client_required"].map((key) => [key, "none"]);
  const crc = ["ms_mon_client_mode", "ms_mon_service_mode", "ms_mon_cluster_mode"].map((key) => [key, "crc"]);
  const sections: Readonly<Record<string, readonly (readonly string[])[]>> = {
    global: [
      ["fsid", fsid],
      ["mon_host", `v2:127.0.0.1:${ports.monitor}/0`],
      ["public_addr", "127.0.0.1"],
      ["cluster_addr", "127.0.0.1"],
      ["ms_bind_ipv6", "false"],
      ["ms_bind_msgr1", "false"],
      ...open,
      ...crc,
      ["auth_allow_insecure_global_id_reclaim", "false"],
      ["keyring", "/dev/null"],
      ["run_dir", folder],
      ["admin_socket", join(folder, "$name.asok")],
      ["log_file", join(folder, "$name.log")],
      ["crash_dir", folder],
      ["mon_cluster_log_file", join(folder, "cluster.log")],
      ["osd_pool_default_size", "1"],
      ["osd_pool_default_min_size", "1"],
      ["osd_pool_default_pg_num", "1"],
      ["osd_pool_default_pgp_num", "1"],
      ["osd_pool_default_pg_autoscale_mode", "off"],
      ["osd_crush_chooseleaf_type", "0"],
      ["mon_allow_pool_size_one", "true"],
      ["mon_max_pg_per_osd", "1000"],
    ],
    "mon.a": [
      ["mon_data", join(folder, "mon")],
      // Nobody else votes: a change need not wait to be bundled with others.
      ["paxos_propose_interval", "0.02"],
      ["paxos_min_wait", "0.01"],
      ["mon_tick_interval", "1"],
      ["mon_data_avail_crit", "1"],
      ["mon_data_avail_warn", "1"],
    ],
    osd: [
      ["osd_data", join(folder, "osd")],
      ["osd_objectstore", "memstore"],
      ["memstore_device_bytes", String(4 * 1024 ** 3)],
      ["ms_bind_port_min", String(ports.daemon)],
      ["ms_bind_port_max", String(ports.daemon + 39)],
      ["osd_class_load_list", "*"],
      ["osd_class_default_list", "*"],
    ],
    "client.rgw": [
      ["rgw_frontends", `beast endpoint=127.0.0.1:${ports.gateway}`],
      ["rgw_data", join(folder, "gateway")],
    ],
    "client.spare": [
      ["rgw_frontends", `beast endpoint=127.0.0.1:${ports.spare}`],
      ["rgw_data", join(folder, "spare")],
    ],
    client: [
      ["rgw_thread_pool_size", "32"],
      ["rgw_s3_auth_use_sts", "true"],
      ["rgw_sts_key", "abcdefghijklmnop"],
      ["rgw_gc_obj_min_wait", "0"],
      ["rgw_enable_usage_log", "false"],
      ["rgw_enable_ops_log", "false"],
    ],
  };
  const text = Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.map((line) => line.join(" = ")).join("\n")}\n`)
    .join("\n");
  return { text, fsid };
}
