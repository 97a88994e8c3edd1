/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl room where the store fails: room.c against a memory store that may, and a program of which this file is the rest, and its pauses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/source.h"
#include "storage/faulty/faulty.h"
#include "storage/memory/memory.h"

static struct store *store;
static unsigned pauses, notes;
static char said[256];

/* ---- the rest of the program ---- */

int __wrap_nanosleep(const struct timespec *pause, struct timespec *left);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)pause, (void)left;
	pauses++;
	return 0;
}

int source_open(const struct ctl_command *command, const char *uri, struct store **opened)
{
	(void)command, (void)uri;
	*opened = store;
	return CTL_OK;
}

void source_close(struct store *closed)
{
	assert_ptr_equal(closed, store);
}

int audit_note(const struct ctl_command *command, struct store *into, const char *subject, const char *details, const char *result)
{
	(void)command, (void)into, (void)details;
	assert_string_equal(subject, "ops");
	assert_string_equal(result, "ok");
	notes++;
	return CTL_OK;
}

int ctl_options(const struct ctl_command *command, const struct ctl_option *options, int argc, char **argv)
{
	(void)command, (void)argc, (void)argv;
	for (; options->name != NULL; options++) {
		if (strcmp(options->name, "id") == 0)
			*options->value = "ops";
		else if (options->kind == CTL_REQUIRED)
			*options->value = "alice";
	}
	return -1;
}

__attribute__((format(printf, 2, 0))) static int say(int code, const char *format, va_list args)
{
	vsnprintf(said, sizeof said, format, args);
	return code;
}

int ctl_failed(const struct ctl_command *command, const char *format, ...)
{
	va_list args;
	(void)command;
	va_start(args, format);
	int code = say(CTL_FAILED, format, args);
	va_end(args);
	return code;
}

int ctl_misused(const struct ctl_command *command, const char *format, ...)
{
	va_list args;
	(void)command;
	va_start(args, format);
	int code = say(CTL_USAGE, format, args);
	va_end(args);
	return code;
}

/* ---- the words of the tests ---- */

static int make_room(void)
{
	return ctl_room.run(&ctl_room, 0, NULL);
}

static void goes_wrong(enum faulty_action action, uint64_t count)
{
	store_faulty_arm(store, &(struct fault){.op = FAULTY_APPEND, .call = 1, .count = count, .action = action});
}

static bool room_is_there(void)
{
	struct chat_record *chat;
	store_faulty_disarm(store);
	enum store_rc rc = store_ops(store)->load_chat(store, "ops", &chat, NULL);
	if (rc != STORE_OK)
		return false;
	store_free(chat);
	return true;
}

static int with_store(void **state)
{
	struct store *memory;
	(void)state;
	assert_int_equal(store_memory.open("", 0, &memory, NULL), STORE_OK);
	store = store_faulty_new(memory);
	pauses = notes = 0;
	said[0] = '\0';
	return 0;
}

static int without_store(void **state)
{
	(void)state;
	store_ops(store)->close(store);
	return 0;
}

/* ---- */

static void a_room_whose_answer_was_lost_is_made_and_written_down(void **state)
{
	(void)state;
	goes_wrong(FAULTY_LOSE_ANSWER, 3);
	assert_int_equal(make_room(), CTL_OK);
	assert_true(room_is_there());
	assert_int_equal(notes, 1);
	assert_int_equal(pauses, 3);
}

static void one_that_may_have_been_made_and_was_not_is_made(void **state)
{
	(void)state;
	goes_wrong(FAULTY_LOSE_REQUEST, 2);
	assert_int_equal(make_room(), CTL_OK);
	assert_true(room_is_there());
	assert_int_equal(notes, 1);
}

static void where_it_stays_unknown_that_is_said(void **state)
{
	(void)state;
	goes_wrong(FAULTY_LOSE_REQUEST, 1000000);
	assert_int_equal(make_room(), CTL_FAILED);
	assert_non_null(strstr(said, "it is not known whether 'ops' is there"));
	assert_in_range(pauses, 10, 1000);
	assert_int_equal(notes, 0);
}

static void where_nothing_was_added_that_is_said_at_once(void **state)
{
	(void)state;
	goes_wrong(FAULTY_FAIL, 1);
	assert_int_equal(make_room(), CTL_FAILED);
	assert_false(room_is_there());
	assert_null(strstr(said, "not known"));
	assert_int_equal(pauses, 0);
	assert_int_equal(make_room(), CTL_OK);
}

static void another_room_of_that_name_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(make_room(), CTL_OK);
	goes_wrong(FAULTY_LOSE_REQUEST, 1);
	assert_int_equal(make_room(), CTL_FAILED);
	assert_string_equal(said, "there is a chat 'ops' already");
	assert_int_equal(notes, 1);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, with_store, without_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(a_room_whose_answer_was_lost_is_made_and_written_down),
		ROOM_TEST(one_that_may_have_been_made_and_was_not_is_made),
		ROOM_TEST(where_it_stays_unknown_that_is_said),
		ROOM_TEST(where_nothing_was_added_that_is_said_at_once),
		ROOM_TEST(another_room_of_that_name_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
