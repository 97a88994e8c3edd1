/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Errors in words. Any thread. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *error_words(int problem)
{
	const char *words = strerrordesc_np(problem);
	return words ? words : "an unknown error";
}

int error_set(struct error *err, int rc, int native, const char *format, ...)
{
	if (err == NULL)
		return rc;
	err->rc = rc;
	err->native = native;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return rc;
}
