/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Text that somebody else chose, for an error or a log line. Any thread. */
#include "plugin/auth/printable.h"

#include <string.h>

const char *printable(char out[PRINTABLE_SIZE], const char *text)
{
	static const char MORE[] = "…\"";
	size_t used = 0;
	out[used++] = '"';
	for (; *text && used < PRINTABLE_SIZE - sizeof MORE; text++)
		out[used++] = *text < 0x20 || *text > 0x7E || *text == '"' || *text == '\\' ? '?' : *text;
	strcpy(out + used, *text ? MORE : "\"");
	return out;
}
