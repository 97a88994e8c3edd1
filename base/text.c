/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Text from outside. Any thread, no allocation. */
#include "base/text.h"

/* Length of the well-formed character at `at`, 0: there is none. The bounds of the second byte are those of RFC 3629, section 4. */
static size_t character_len(const unsigned char *at, size_t left)
{
	unsigned char first = at[0];
	if (first < 0x80)
		return 1;
	size_t len = first >= 0xC2 && first <= 0xDF ? 2 : (first & 0xF0) == 0xE0 ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 0;
	if (len == 0 || len > left)
		return 0;
	unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

enum { BLOCK = 16 };

/* Without a branch inside, so that compilers make vector instructions of it. */
static bool is_plain_block(const unsigned char *at)
{
	unsigned char other = 0;
	for (size_t i = 0; i < BLOCK; i++)
		other |= (unsigned char)((at[i] < 0x20) | (at[i] > 0x7E) | (at[i] == '"') | (at[i] == '\\'));
	return other == 0;
}

size_t text_plain_blocks(const char *bytes, size_t len)
{
	size_t plain = 0;
	while (len - plain >= BLOCK && is_plain_block((const unsigned char *)bytes + plain))
		plain += BLOCK;
	return plain;
}

bool text_is_utf8(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	for (size_t i = text_plain_blocks(bytes, len), step; i < len; i += step) {
		if (at[i] == 0)
			return false;
		step = character_len(at + i, len - i);
		if (step == 0)
			return false;
	}
	return true;
}

size_t text_cut(const char *bytes, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)bytes[max] & 0xC0) == 0x80)
		max--;
	return max;
}

bool text_to_u64(const char *digits, size_t len, uint64_t max, uint64_t *number)
{
	if (len == 0 || len > 20 || (digits[0] == '0' && len > 1))
		return false;
	uint64_t sum = 0;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(digits[i] - '0');
		if (sum > (max - digit) / 10 || digit > max)
			return false;
		sum = sum * 10 + digit;
	}
	*number = sum;
	return true;
}

bool text_has_control(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	for (size_t i = text_plain_blocks(bytes, len); i < len; i++)
		if (at[i] < 0x20 || at[i] == 0x7F || (at[i] == 0xC2 && i + 1 < len && at[i + 1] < 0xA0))
			return true;
	return false;
}
