import { EngineError, invalid } from "../../base/errors.ts";
import { HOST_PLATFORM, parsePlatform, platformText } from "../../image/platform.ts";
import type { ImageConfig } from "../../oci/image.ts";

/** The platform that was asked for, `os[/arch[/variant]]` or an architecture, must be what the image is. */
export function checkPlatform(asked: string | undefined, name: string, image: ImageConfig): void {
  if (!asked) return;
  const wanted = parsePlatform(whole(asked));
  if (!wanted) throw invalid(`${JSON.stringify(asked)}: cannot parse platform specifier: invalid argument`);
  const { os = "linux", architecture, variant } = image;
  const fits =
    wanted.os === os &&
    wanted.architecture === architecture &&
    (!wanted.variant || !variant || wanted.variant === variant);
  if (fits) return;
  const is = platformText({ os, architecture, variant });
  throw new EngineError(
    "not_found",
    `image with reference ${name} was found but its platform (${is}) does not match the specified platform (${asked})`,
  );
}

/** One word is a system, or an architecture of ours. */
function whole(asked: string): string {
  if (asked.includes("/")) return asked;
  return asked === HOST_PLATFORM.os
    ? `${asked}/${HOST_PLATFORM.architecture}`
    : `${HOST_PLATFORM.os}/${asked}`;
}
