/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who hears of a receipt and of typing, and how much of that one tick takes: live.c against a broker of which this file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/blocks.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/live.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/server.h"

static struct server server;
static struct chat *chat;
static unsigned looked_up, looked_at, sent;
static char last_told[32];
static int64_t woken_in_ms;

struct member *__real_members_next(const struct members *members, const struct member *before);
struct member *__wrap_members_next(const struct members *members, const struct member *before);
struct member *__wrap_members_next(const struct members *members, const struct member *before)
{
	looked_at++;
	return __real_members_next(members, before);
}

/* ---- the rest of the broker: everybody is connected, once ---- */

struct person *person_find(struct server *of, const char *user_id)
{
	static struct session session = {.live_qos = 0};
	static struct person person = {.sessions = &session};
	(void)of;
	looked_up++;
	snprintf(last_told, sizeof last_told, "%s", user_id);
	return &person;
}

bool feed_allows_live(struct server *of, struct session *session, size_t len)
{
	(void)of;
	(void)session;
	(void)len;
	return true;
}

bool publish_copy(struct server *of, struct session *session, const char *topic, const char *payload, size_t len, int qos)
{
	(void)of;
	(void)session;
	(void)topic;
	(void)payload;
	(void)len;
	(void)qos;
	sent++;
	return true;
}

size_t session_payload_max(const struct session *session, size_t topic_len, size_t most)
{
	(void)session;
	(void)topic_len;
	return most;
}

bool blocks_part(struct server *of, const char *user_a, const char *user_b)
{
	(void)of;
	(void)user_a;
	(void)user_b;
	return false;
}

struct chat *core_peek(struct core *core, const char *chat_id)
{
	(void)core;
	return strcmp(chat_id, chat->id) == 0 ? chat : NULL;
}

void server_wake_in(struct server *of, int64_t ms)
{
	(void)of;
	woken_in_ms = ms;
}

/* ---- stories ---- */

static const char *name_of(unsigned number)
{
	static char name[16];
	snprintf(name, sizeof name, "u%u", number);
	return name;
}

static void group_of(unsigned count)
{
	chat = chat_new("4b1d7c52-6a0e-4f39-9d43-0c5a3a6d2e11");
	for (unsigned i = 0; i < count; i++)
		members_add(&chat->members, name_of(i))->role = ROLE_MEMBER;
	chat->current_members = count;
}

static int setup(void **state)
{
	(void)state;
	static char prefix[] = "hc";
	server = (struct server){.now_ms = 1000, .conf = {.prefix = prefix, .deliveries_per_tick = 2000, .large_group = 200}};
	looked_up = looked_at = sent = 0;
	woken_in_ms = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	live_free_all(&server);
	chat_free(chat);
	return 0;
}

static void reads(unsigned who)
{
	live_receipt(&server, chat, chat_member(chat, name_of(who)));
}

static void ticks_after(int64_t ms)
{
	server.now_ms += ms;
	live_flush(&server);
}

static void in_a_small_group_everybody_hears_of_a_receipt(void **state)
{
	(void)state;
	group_of(32);
	reads(3);
	ticks_after(50);
	assert_int_equal(sent, 32);
}

static void in_a_group_of_thousands_a_receipt_concerns_his_own_devices_and_looks_at_nobody_else(void **state)
{
	(void)state;
	group_of(5000);
	reads(4999);
	ticks_after(50);
	assert_int_equal(sent, 1);
	assert_string_equal(last_told, "u4999");
	assert_int_equal(looked_up, 1);
	assert_int_equal(looked_at, 0);
}

static void what_is_more_than_a_tick_takes_comes_with_the_next_ones_in_order(void **state)
{
	(void)state;
	group_of(32);
	server.conf.deliveries_per_tick = 100;
	for (unsigned i = 0; i < 32; i++)
		reads(i);
	ticks_after(50);
	assert_in_range(sent, 100, 100 + 32);
	assert_in_range(woken_in_ms, 0, 1);
	for (int ticks = 1; ticks < 12; ticks++)
		ticks_after(1);
	assert_int_equal(sent, 32 * 32);
	assert_null(server.receipts_due);
}

static void who_types_is_told_in_a_group_and_to_nobody_in_a_large_one(void **state)
{
	(void)state;
	group_of(200);
	live_typing(&server, chat, "u0", true);
	assert_int_equal(sent, 199);
	chat->current_members = 201;
	looked_at = 0;
	live_typing(&server, chat, "u0", true);
	assert_int_equal(sent, 199);
	assert_int_equal(looked_at, 0);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(in_a_small_group_everybody_hears_of_a_receipt),
		STORY(in_a_group_of_thousands_a_receipt_concerns_his_own_devices_and_looks_at_nobody_else),
		STORY(who_types_is_told_in_a_group_and_to_nobody_in_a_large_one),
		STORY(what_is_more_than_a_tick_takes_comes_with_the_next_ones_in_order),
	};
	return cmocka_run_group_tests(stories, NULL, NULL);
}
