/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See when.h. */
#include "plugin/ctl/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

enum { AMOUNT_MAX = 1000000 };

void when_print(int64_t at_ms, char text[WHEN_SIZE])
{
	time_t at_s = (time_t)(at_ms / 1000);
	struct tm utc;
	if (gmtime_r(&at_s, &utc) == NULL || strftime(text, WHEN_SIZE, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
		snprintf(text, WHEN_SIZE, "%lld ms", (long long)at_ms);
}

static bool read_ago(const char *text, int64_t now_ms, int64_t *at_ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} UNITS[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	size_t len = strlen(text);
	uint64_t amount;
	if (len < 2 || !text_to_u64(text, len - 1, AMOUNT_MAX, &amount))
		return false;
	for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
		if (text[len - 1] == UNITS[i].unit) {
			*at_ms = now_ms - (int64_t)amount * UNITS[i].ms;
			return true;
		}
	return false;
}

static bool is_end(const char *end)
{
	return end != NULL && (*end == '\0' || strcmp(end, "Z") == 0);
}

bool when_read(const char *text, int64_t now_ms, int64_t *at_ms)
{
	static const char *const FORMS[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"};
	if (read_ago(text, now_ms, at_ms))
		return true;
	for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
		struct tm utc = {0};
		if (!is_end(strptime(text, FORMS[i], &utc)))
			continue;
		*at_ms = (int64_t)timegm(&utc) * 1000;
		return true;
	}
	return false;
}
