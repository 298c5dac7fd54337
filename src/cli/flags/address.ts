/** 4, 6, or 0 for what is no address. Written out: `node:net` costs the start of every `run`. */
export function isIP(text: string): 0 | 4 | 6 {
  if (/^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(text)) return 4;
  return text.includes(":") && isIPv6(text) ? 6 : 0;
}

function isIPv6(text: string): boolean {
  const [plain, zone] = text.split("%");
  if (zone === "" || !/^[0-9a-fA-F:.]+$/.test(plain!)) return false;
  try {
    return new URL(`http://[${plain}]/`).hostname !== "";
  } catch {
    return false;
  }
}
