/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See room.h. */
#include "tests/contract/room.h"

#include <stdio.h>

int room_teardown(void **state)
{
	struct place *place = *state;
	char command[80];
	snprintf(command, sizeof command, "rm -f %s/*", place->dir);
	assert_int_equal(system(command), 0);
	return place_teardown(state);
}

void in_shell(const char *format, ...)
{
	char command[800];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

struct store_info info_at(const char *uri)
{
	struct store *store = open_at(uri);
	struct store_info info = {0};
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	close_store(store);
	return info;
}
