/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_TEXT_H
#define HC_BASE_TEXT_H
/* Text from outside: UTF-8 checks, cuts and strict numbers. Any thread, no allocation. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF) without U+0000. */
bool text_is_utf8(const char *bytes, size_t len);

/* How much of the beginning is printable ASCII without '"' and '\\', in blocks of 16: what is behind it may be so as well. A few
 * instructions for 16 bytes where a look at each takes over a hundred, and nearly all of nearly every text. */
size_t text_plain_blocks(const char *bytes, size_t len);

/* The largest length <= max that does not split a character of valid UTF-8. */
size_t text_cut(const char *bytes, size_t len, size_t max);

/* Decimal digits only, no sign, no space, no leading zero but "0" itself, at most max. false leaves *number alone. */
bool text_to_u64(const char *digits, size_t len, uint64_t max, uint64_t *number);

/* Control characters: U+0000-U+001F, U+007F, and in UTF-8 U+0080-U+009F. */
bool text_has_control(const char *bytes, size_t len);

#endif
