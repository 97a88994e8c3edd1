/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_ROOM_H
#define HC_TESTS_ROOM_H
/* A place in which something is left beside the store when a story ends: what was set aside, copies. */

#include "tests/contract/place.h"

int room_teardown(void **state);

#define ROOM_STORY(function) cmocka_unit_test_setup_teardown(function, place_setup, room_teardown)

/* A command that has to work. */
void in_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct store_info info_at(const char *uri);

#endif
