/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a line of events tells of itself, also where another line came to stand in the same place. */
#include "chat_kit.h"

#include "plugin/broker/events_line.h"

static const char ALICE[] = "{\"type\":\"message\",\"senderID\":\"alice\",\"at\":5,\"repliedTo\":{\"messageID\":1,\"body\":\"x\"}}";
static const char BOBBY[sizeof ALICE] = "{\"type\":\"message\",\"senderID\":\"bobby\",\"at\":6,\"repliedTo\":{\"messageID\":1}}           ";

static void a_line_tells_whose_it_is_and_whether_it_quotes(void **state)
{
	struct events_line line = {0};
	(void)state;
	events_line_read(&line, ALICE, strlen(ALICE));
	assert_true(line.known && line.quotes);
	assert_int_equal(line.tx.type, TX_MESSAGE);
	assert_string_equal(line.tx.sender_id, "alice");
	assert_int_equal(line.tx.at_ms, 5);
	events_line_fini(&line);
}

static void another_line_of_the_same_length_in_the_same_place_is_another_one(void **state)
{
	struct events_line line = {0};
	char payload[sizeof ALICE];
	(void)state;
	memcpy(payload, ALICE, sizeof ALICE);
	events_line_read(&line, payload, sizeof payload - 1);
	memcpy(payload, BOBBY, sizeof payload);
	events_line_read(&line, payload, sizeof payload - 1);
	assert_string_equal(line.tx.sender_id, "bobby");
	assert_false(line.quotes);
	events_line_fini(&line);
}

static void what_is_no_line_is_not_known_also_behind_one(void **state)
{
	struct events_line line = {0};
	(void)state;
	events_line_read(&line, ALICE, strlen(ALICE));
	events_line_read(&line, "no line", 7);
	assert_false(line.known || line.quotes);
	assert_null(line.tx.sender_id);
	events_line_fini(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_whose_it_is_and_whether_it_quotes),
		cmocka_unit_test(another_line_of_the_same_length_in_the_same_place_is_another_one),
		cmocka_unit_test(what_is_no_line_is_not_known_also_behind_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
