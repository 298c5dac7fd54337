/* json.c - a line's bytes as the inside of a JSON string, byte for byte as Docker's jsonlog writes them.
 *
 * Contract: the result has at most six times `length` bytes. \n and \r by name, other controls, <, > and & as \u00xx,
 *           U+2028 and U+2029 by number, each byte that is no UTF-8 as \ufffd.
 * Source:   moby jsonlogbytes.go; Go's utf8.DecodeRune.
 */
#include "monitor.h"

#include <string.h>

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

static uint64_t zero_bytes(uint64_t word)
{
	return (word - ONES) & ~word & HIGHS;
}

/* Not 0 if one of eight bytes is a control, not ASCII, or one of " \ < > &; exact, but not which. */
static uint64_t special(uint64_t word)
{
	return (word & HIGHS) | ((word - ONES * 0x20) & ~word & HIGHS) | zero_bytes(word ^ (ONES * '"')) |
	       zero_bytes(word ^ (ONES * '\\')) | zero_bytes(word ^ (ONES * '&')) |
	       zero_bytes((word & ~(ONES * 2)) ^ (ONES * '<'));	/* < is 3c, > is 3e */
}

static char *by_number(char *out, unsigned int code)
{
	static const char hex[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = 'u';
	*out++ = hex[code >> 12 & 15];
	*out++ = hex[code >> 8 & 15];
	*out++ = hex[code >> 4 & 15];
	*out++ = hex[code & 15];
	return out;
}

/* The length of the UTF-8 sequence at `text`, or 0 when there is none: no overlong form, surrogate or code past 10FFFF. */
static size_t sequence(const unsigned char *text, size_t left)
{
	unsigned char first = text[0], low = 0x80, high = 0xbf;
	size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

	if (first < 0xc2 || first > 0xf4 || left < length)
		return 0;
	low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static char *one_ascii(char *out, unsigned char byte)
{
	if (byte == '"' || byte == '\\' || byte == '\n' || byte == '\r') {
		*out++ = '\\';
		*out++ = byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte;
	} else if (byte < 0x20 || byte == '<' || byte == '>' || byte == '&') {
		out = by_number(out, byte);
	} else {
		*out++ = byte;
	}
	return out;
}

size_t bk_json_escape(char *out, const char *text, size_t length)
{
	const unsigned char *from = (const unsigned char *)text, *until = from + length;
	char *start = out;

	while (from < until) {
		size_t runs;
		uint64_t word;

		while (until - from >= 8 && (memcpy(&word, from, 8), !special(word))) {
			memcpy(out, &word, 8);
			out += 8;
			from += 8;
		}
		if (from >= until)
			break;
		if (*from < 0x80) {
			out = one_ascii(out, *from++);
			continue;
		}
		runs = sequence(from, until - from);
		if (runs == 0)
			out = by_number(out, 0xfffd);
		else if (runs == 3 && from[0] == 0xe2 && from[1] == 0x80 && (from[2] & 0xfe) == 0xa8)
			out = by_number(out, 0x2000 | (from[1] & 0x3f) << 6 | (from[2] & 0x3f));
		else
			out = memcpy(out, from, runs), out += runs;
		from += runs ? runs : 1;
	}
	return out - start;
}
