/**
 * Every table, every migration, in order. A migration is never changed once it was released: append one.
 * `PRAGMA user_version` counts how many have run. Columns named `record` hold the JSON of the owner's type.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- Docker's GraphDB: entities, and named edges between them; a name is unique below its parent.
  CREATE TABLE entities (id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE edges (
    parent TEXT NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    entity TEXT NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    PRIMARY KEY (parent, name)
  ) WITHOUT ROWID;
  CREATE INDEX edges_entity ON edges (entity);
  INSERT INTO entities (id) VALUES ('0');

  -- Read-only layers by chain id; cache_id is the graph driver's name for it.
  CREATE TABLE layers (
    chain_id TEXT PRIMARY KEY,
    diff_id  TEXT NOT NULL,
    parent   TEXT REFERENCES layers(chain_id),
    cache_id TEXT NOT NULL UNIQUE,
    size     INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX layers_parent ON layers (parent);
  -- Read-write layers, one a container.
  CREATE TABLE mounts (
    id       TEXT PRIMARY KEY,
    parent   TEXT REFERENCES layers(chain_id),
    cache_id TEXT NOT NULL UNIQUE
  ) WITHOUT ROWID;
  CREATE INDEX mounts_parent ON mounts (parent);
  -- Images by the digest of their config, which is kept to the byte.
  CREATE TABLE images (
    id       TEXT PRIMARY KEY,
    config   BLOB NOT NULL,
    chain_id TEXT REFERENCES layers(chain_id),
    parent   TEXT REFERENCES images(id) ON DELETE SET NULL,
    created  INTEGER NOT NULL,
    tagged   INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX images_layer ON images (chain_id);
  CREATE INDEX images_parent ON images (parent);
  -- Normalised names: docker.io/library/busybox:latest, or with @sha256:… .
  CREATE TABLE names (
    name  TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images(id)
  ) WITHOUT ROWID;
  CREATE INDEX names_image ON names (image);

  -- The container's name is an edge from entity 0. record: what was asked; state: what is.
  CREATE TABLE containers (
    id      TEXT PRIMARY KEY REFERENCES entities(id) ON DELETE CASCADE,
    image   TEXT NOT NULL,
    created INTEGER NOT NULL,
    record  TEXT NOT NULL,
    state   TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE networks (
    id     TEXT PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    driver TEXT NOT NULL,
    record TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE endpoints (
    id        TEXT PRIMARY KEY,
    network   TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE,
    container TEXT NOT NULL,
    address   TEXT,
    record    TEXT NOT NULL,
    UNIQUE (network, container),
    UNIQUE (network, address)
  ) WITHOUT ROWID;
  CREATE TABLE ports (
    protocol       TEXT NOT NULL,
    host_address   TEXT NOT NULL,
    host_port      INTEGER NOT NULL,
    endpoint       TEXT NOT NULL REFERENCES endpoints(id) ON DELETE CASCADE,
    container_port INTEGER NOT NULL,
    PRIMARY KEY (protocol, host_address, host_port)
  ) WITHOUT ROWID;

  CREATE TABLE volumes (
    name   TEXT PRIMARY KEY,
    driver TEXT NOT NULL,
    record TEXT NOT NULL
  ) WITHOUT ROWID;
  -- Which container uses which volume; a volume in use is not removed.
  CREATE TABLE volume_users (
    volume    TEXT NOT NULL REFERENCES volumes(name),
    container TEXT NOT NULL,
    PRIMARY KEY (volume, container)
  ) WITHOUT ROWID;

  -- The ring of past events, oldest dropped first.
  CREATE TABLE events (
    nanos   INTEGER NOT NULL,
    message TEXT NOT NULL
  );
  CREATE INDEX events_nanos ON events (nanos);
  `,
];
