import { custom, type Flag } from "./flag.ts";

export type FilterValues = Readonly<Record<string, Readonly<Record<string, true>>>>;

/** `-f name=value`, several times. */
export const filterFlag = (help = "Filter output based on conditions provided"): Flag<FilterValues> =>
  custom<FilterValues>("f", "filter", help, {}, (before, text) => {
    if (text === "") return before;
    const equals = text.indexOf("=");
    if (equals < 0) throw new Error("bad format of filter (expected name=value)");
    return withFilter(before, text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim());
  });

export const withFilter = (filters: FilterValues, name: string, value: string): FilterValues => ({
  ...filters,
  [name]: { ...filters[name], [value]: true },
});

/** As the API wants them; undefined when there are none. */
export const encodeFilters = (filters: FilterValues): string | undefined =>
  Object.keys(filters).length > 0 ? JSON.stringify(filters) : undefined;
