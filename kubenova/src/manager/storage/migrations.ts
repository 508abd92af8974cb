import type { MigrationSet } from "@waybill/foundation/database";

export const managerMigrations: MigrationSet = {
  scope: "kubenova",
  migrations: [
    {
      name: "clusters and tenants",
      sql: `
        create table kubenova_clusters (
          id text not null primary key,
          name text not null unique,
          datacenter text,
          labels text not null,
          status text not null,
          created_at bigint not null,
          updated_at bigint not null
        );
        create table kubenova_tenants (
          id text not null primary key,
          cluster_id text not null references kubenova_clusters (id),
          name text not null,
          plan text not null,
          owners text not null,
          labels text not null,
          quotas text not null,
          limits text not null,
          network_policies text not null,
          created_at bigint not null,
          updated_at bigint not null,
          unique (cluster_id, name)
        );
        create table kubenova_labels (
          resource_id text not null,
          key text not null,
          value text not null,
          primary key (resource_id, key)
        );
      `,
    },
    {
      name: "idempotency keys",
      sql: `
        create table kubenova_idempotency_keys (
          caller text not null,
          route text not null,
          key text not null,
          fingerprint text not null,
          status bigint not null,
          headers text not null,
          body text,
          created_at bigint not null,
          primary key (caller, route, key)
        );
        create index kubenova_idempotency_keys_age on kubenova_idempotency_keys (created_at);
      `,
    },
  ],
};
