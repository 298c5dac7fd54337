import type { Mount } from "../../api/container_config.ts";
import { path } from "../../base/node.ts";
import { parseSize } from "../../base/units.ts";
import { bool } from "../flag.ts";
import { csv } from "./environment.ts";

/** Fields that may stand without a value. */
const SWITCHES = new Set(["readonly", "ro", "volume-nocopy", "bind-create-src"]);

type Setter = (mount: Mount, value: string, key: string) => void;

const truth = (value: string, key: string): boolean => {
  try {
    return bool("", "").parse(false, value);
  } catch (cause) {
    throw new Error(`invalid value for ${key}: ${value}`, { cause });
  }
};
const pair = (value: string): Record<string, string> => {
  const equals = value.indexOf("=");
  return equals < 0 ? { [value]: "" } : { [value.slice(0, equals)]: value.slice(equals + 1) };
};

const bind =
  (change: (options: NonNullable<Mount["BindOptions"]>, value: string, key: string) => void): Setter =>
  (mount, value, key) => {
    mount.BindOptions ??= {};
    change(mount.BindOptions, value, key);
  };
const volume =
  (change: (options: NonNullable<Mount["VolumeOptions"]>, value: string, key: string) => void): Setter =>
  (mount, value, key) => {
    mount.VolumeOptions ??= {};
    change(mount.VolumeOptions, value, key);
  };

const source: Setter = (mount, value) => {
  mount.Source = value.startsWith(".") ? path().resolve(value) : value;
};
const target: Setter = (mount, value) => {
  mount.Target = value;
};
const readonly: Setter = (mount, value, key) => {
  mount.ReadOnly = truth(value, key);
};

const FIELDS: Readonly<Record<string, Setter>> = {
  type: (mount, value) => {
    mount.Type = value.toLowerCase() as Mount["Type"];
  },
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly,
  ro: readonly,
  consistency: (mount, value) => {
    mount.Consistency = value.toLowerCase();
  },
  "bind-propagation": bind((options, value) => {
    options.Propagation = value.toLowerCase();
  }),
  "bind-recursive": bind(recursive),
  "bind-create-src": bind((options, value, key) => {
    options.CreateMountpoint = truth(value, key);
  }),
  "volume-nocopy": volume((options, value, key) => {
    options.NoCopy = truth(value, key);
  }),
  "volume-subpath": volume((options, value) => {
    options.Subpath = value;
  }),
  "volume-label": volume((options, value) => {
    options.Labels = { ...options.Labels, ...pair(value) };
  }),
  "volume-driver": volume((options, value) => {
    options.DriverConfig = { ...options.DriverConfig, Name: value };
  }),
  "volume-opt": volume((options, value) => {
    options.DriverConfig = {
      ...options.DriverConfig,
      Options: { ...options.DriverConfig?.Options, ...pair(value) },
    };
  }),
  "image-subpath": (mount, value) => {
    mount.ImageOptions = { Subpath: value };
  },
  "tmpfs-size": (mount, value, key) => {
    try {
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: parseSize(value) };
    } catch (cause) {
      throw new Error(`invalid value for ${key}: ${value}`, { cause });
    }
  },
  "tmpfs-mode": (mount, value, key) => {
    if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
    mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
  },
};

function recursive(options: NonNullable<Mount["BindOptions"]>, value: string, key: string): void {
  if (value === "disabled") options.NonRecursive = true;
  else if (value === "writable") options.ReadOnlyNonRecursive = true;
  else if (value === "readonly") options.ReadOnlyForceRecursive = true;
  else if (value !== "enabled")
    throw new Error(
      `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
}

/** `type=bind,source=/a,target=/b,readonly` (docker/cli opts.MountOpt). Throws in its words. */
export function parseMount(text: string): Mount {
  const mount: Mount = { Type: "volume", Target: "" };
  for (const field of csv(text)) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    if (equals < 0 && !SWITCHES.has(key))
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    const set = FIELDS[key];
    if (!set) throw new Error(`unexpected key '${key}' in '${field}'`);
    set(mount, equals < 0 ? "true" : field.slice(equals + 1), key);
  }
  if (!mount.Type) throw new Error("type is required");
  if (mount.Target === "") throw new Error("target is required");
  checkKinds(mount);
  return mount;
}

const KINDS = [
  ["volume", "VolumeOptions"],
  ["bind", "BindOptions"],
  ["tmpfs", "TmpfsOptions"],
  ["image", "ImageOptions"],
] as const;

function checkKinds(mount: Mount): void {
  for (const [kind, options] of KINDS)
    if (mount[options] && mount.Type !== kind)
      throw new Error(`cannot mix '${kind}-*' options with mount type '${mount.Type}'`);
  if (!mount.BindOptions?.ReadOnlyForceRecursive) return;
  if (!mount.ReadOnly)
    throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  if (mount.BindOptions.Propagation !== "rprivate")
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
}
