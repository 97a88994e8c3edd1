/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who comes while lines are underway to his client ID, and what the connection before gets meanwhile: underway.c with the feed that it holds, against
 * a host of which this file is the rest, and its clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/blocks.h"
#include "plugin/broker/client.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/replay.h"
#include "plugin/broker/server.h"
#include "plugin/broker/underway.h"

#define CHAT "4b1d7c52-6a0e-4f39-9d43-0c5a3a6d2e11"

enum { HELD_MS = 5000, ROUND_MS = 100 };

struct mosquitto {
	const char *client_id;
	bool clean;
};

static struct server server;
static struct person bob;
static struct session phone; /* the connection before */
static char client_id[] = "bob/phone", user_id[] = "bob", prefix[] = "hc";
static bool phone_is_there, phone_is_due, phone_is_cut, broker_holds_all;
static uint64_t latest;
static unsigned packets; /* that it was sent */
static int64_t woken_in_ms;

/* ---- the rest of the broker ---- */

const char *mosquitto_client_id(const struct mosquitto *client)
{
	return client->client_id;
}

bool mosquitto_client_clean_session(const struct mosquitto *client)
{
	return client->clean;
}

struct session *session_by_name(struct server *of, const char *name)
{
	(void)of;
	return phone_is_there && strcmp(name, phone.client_id) == 0 ? &phone : NULL;
}

void session_kick(struct server *of, struct session *session)
{
	(void)of;
	assert_ptr_equal(session, &phone);
	phone_is_cut = true;
}

bool cursor_all_held(const struct session *session)
{
	(void)session;
	return broker_holds_all;
}

char *publish_alloc(size_t len)
{
	return mem_new(len);
}

int publish_qos(const struct session *session, int qos)
{
	(void)session;
	return qos;
}

bool publish_owned(struct server *of, struct session *session, const char *topic, char *payload, size_t len, int qos)
{
	(void)len, (void)qos;
	assert_string_equal(topic, "inbox");
	session->handed_round = of->round;
	free(payload);
	packets++;
	return true;
}

bool publish_copy(struct server *of, struct session *session, const char *topic, const char *payload, size_t len, int qos)
{
	(void)of, (void)session, (void)topic, (void)payload, (void)len, (void)qos;
	packets++;
	return true;
}

void session_due(struct server *of, struct session *session)
{
	(void)of, (void)session;
	phone_is_due = true;
}

void server_wake_in(struct server *of, int64_t ms)
{
	(void)of;
	woken_in_ms = ms;
}

int session_qos(const struct session *session, const char *topic)
{
	(void)topic;
	return session->inbox_qos;
}

size_t session_payload_max(const struct session *session, size_t topic_len, size_t most)
{
	(void)session, (void)topic_len;
	return most;
}

int client_backlog(int socket)
{
	(void)socket;
	return 0;
}

int64_t client_received(int socket)
{
	(void)socket;
	return -1;
}

bool blocks_are_known(const struct person *person)
{
	(void)person;
	return true;
}

void replay_load(struct server *of, struct session *session)
{
	(void)of;
	session->feed->loaded = true; /* nothing was missed */
}

void replay_next(struct server *of, struct session *session)
{
	(void)of, (void)session;
}

/* ---- the words of the tests ---- */

static void tick(int64_t ms)
{
	server.now_ms += ms;
	server.round++;
	underway_tick(&server);
	if (!phone_is_there || !phone_is_due)
		return;
	phone_is_due = false;
	feed_flush(&server, &phone);
}

static void alice_writes(void)
{
	struct line *line = line_new_hint(CHAT, ++latest);
	feed_hint(&server, &phone, line);
	line_drop(line);
}

static void a_line_goes_out(void)
{
	unsigned before = packets;
	alice_writes();
	tick(1);
	assert_int_equal(packets, before + 1);
}

static void phone_goes(void)
{
	underway_leaves(&server, &phone);
	phone_is_there = false;
	feed_end(&phone);
}

static bool is_barred(const char *name, bool clean)
{
	struct mosquitto client = {.client_id = name, .clean = clean};
	return underway_bars(&server, &client, "bob");
}

static bool phone_comes_anew_and_is_barred(void)
{
	return is_barred(client_id, true);
}

static bool phone_goes_on_and_is_barred(void)
{
	return is_barred(client_id, false);
}

static int with_phone(void **state)
{
	(void)state;
	server = (struct server){.version = {2, 1, 2}, .now_ms = 1000000, .round = 7, .conf = {.prefix = prefix, .inbox_bytes_max = 65536}};
	bob = (struct person){.user_id = user_id};
	phone = (struct session){.client_id = client_id, .device = client_id + 4, .person = &bob, .inbox_qos = 1, .ack_qos = -1, .live_qos = -1, .socket = -1};
	phone_is_there = broker_holds_all = true;
	phone_is_due = phone_is_cut = false;
	latest = packets = 0;
	feed_begin(&server, &phone);
	return 0;
}

static int without_phone(void **state)
{
	(void)state;
	underway_free_all(&server);
	feed_end(&phone);
	return 0;
}

/* ---- while the connection before is there ---- */

static void who_begins_anew_while_lines_are_underway_is_to_come_again(void **state)
{
	(void)state;
	assert_false(phone_comes_anew_and_is_barred());
	a_line_goes_out();
	assert_true(phone_comes_anew_and_is_barred());
}

static void nothing_goes_out_until_he_has_come_again_and_so_he_is_let_in(void **state)
{
	(void)state;
	a_line_goes_out();
	assert_true(phone_comes_anew_and_is_barred());
	for (unsigned ms = 0; ms < HELD_MS - ROUND_MS; ms += ROUND_MS) {
		alice_writes();
		tick(ROUND_MS);
		assert_int_equal(packets, 1);
		assert_false(phone_comes_anew_and_is_barred());
	}
}

static void the_hold_of_one_who_does_not_come_again_ends_after_five_seconds(void **state)
{
	(void)state;
	a_line_goes_out();
	assert_true(phone_comes_anew_and_is_barred());
	alice_writes();
	tick(HELD_MS - 1);
	assert_int_equal(packets, 1);
	assert_in_range(woken_in_ms, 1, 100); /* seldom enough to be cheap, and soon enough for the end */
	tick(1);
	assert_int_equal(packets, 2);
	assert_true(phone_comes_anew_and_is_barred()); /* as the first time, and another hold begins */
	alice_writes();
	tick(HELD_MS - 1);
	assert_int_equal(packets, 2);
	tick(1);
	assert_int_equal(packets, 3);
}

static void who_comes_again_and_is_let_in_does_not_make_the_hold_longer(void **state)
{
	(void)state;
	a_line_goes_out();
	assert_true(phone_comes_anew_and_is_barred());
	alice_writes();
	tick(HELD_MS - 1);
	assert_false(phone_comes_anew_and_is_barred());
	tick(1);
	assert_int_equal(packets, 2);
}

static void who_goes_on_exactly_there_is_let_in_and_nothing_is_held(void **state)
{
	(void)state;
	a_line_goes_out();
	assert_false(phone_goes_on_and_is_barred());
	a_line_goes_out();
	broker_holds_all = false;
	assert_true(phone_goes_on_and_is_barred());
}

static void of_mqtt_5_it_is_not_known_whether_he_goes_on(void **state)
{
	(void)state;
	phone.mqtt5 = true;
	a_line_goes_out();
	assert_true(phone_goes_on_and_is_barred());
}

static void another_device_is_let_in_and_the_name_of_somebody_elses_holds_nothing(void **state)
{
	(void)state;
	a_line_goes_out();
	assert_false(is_barred("bob/tablet", true));
	struct mosquitto stranger = {.client_id = client_id, .clean = true};
	assert_false(underway_bars(&server, &stranger, "mallory"));
	a_line_goes_out();
}

static void a_host_that_takes_up_at_once_bars_nobody(void **state)
{
	(void)state;
	server.version = (struct broker_version){2, 0, 21};
	a_line_goes_out();
	assert_false(phone_comes_anew_and_is_barred());
	phone_goes();
	assert_false(phone_comes_anew_and_is_barred());
}

/* ---- once it is gone ---- */

static void who_begins_anew_after_it_went_is_let_in_once_all_is_taken_up(void **state)
{
	(void)state;
	a_line_goes_out();
	phone_goes();
	assert_true(phone_comes_anew_and_is_barred());
	assert_true(phone_comes_anew_and_is_barred());
	assert_false(phone_goes_on_and_is_barred()); /* it was parked exactly there */
	tick(1);
	assert_false(phone_comes_anew_and_is_barred());
}

static void who_goes_on_with_what_the_broker_has_not_all_of_comes_again_as_well(void **state)
{
	(void)state;
	a_line_goes_out();
	broker_holds_all = false;
	phone_goes();
	assert_true(phone_goes_on_and_is_barred());
	tick(1);
	assert_false(phone_goes_on_and_is_barred());
}

static void a_connection_that_ends_with_no_line_underway_bars_only_others(void **state)
{
	(void)state;
	a_line_goes_out();
	tick(1);
	phone_goes();
	assert_false(phone_comes_anew_and_is_barred());
	assert_true(underway_bars_strangers(&server, client_id)); /* a reply may be, or something live */
}

static void nobody_from_outside_takes_its_client_id_until_all_is_taken_up(void **state)
{
	(void)state;
	a_line_goes_out();
	assert_false(underway_bars_strangers(&server, client_id));
	phone_goes();
	assert_true(underway_bars_strangers(&server, client_id));
	assert_false(underway_bars_strangers(&server, "bob/tablet"));
	tick(1);
	assert_false(underway_bars_strangers(&server, client_id));
}

static void a_client_id_that_names_no_device_is_nobody_elses_until_all_is_taken_up(void **state)
{
	(void)state;
	const struct mosquitto mallory = {.client_id = "anything", .clean = true};
	phone.client_id = (char[]){"anything"};
	phone.device = NULL;
	a_line_goes_out();
	phone_goes();
	assert_true(underway_bars(&server, &mallory, "mallory"));
	assert_false(underway_bars(&server, &mallory, "bob"));
	assert_true(underway_bars_strangers(&server, "anything"));
	tick(1);
	assert_false(underway_bars(&server, &mallory, "mallory"));
}

/* Without '/' a client ID may be anybody's; it is a device only of the user who is called so. */
static void what_goes_out_to_somebody_under_a_users_own_name_is_not_for_the_user(void **state)
{
	(void)state;
	const struct mosquitto alice = {.client_id = "alice", .clean = true};
	phone.client_id = (char[]){"alice"};
	phone.device = NULL;
	assert_false(underway_bars(&server, &alice, "alice"));
	a_line_goes_out();
	assert_true(underway_bars(&server, &alice, "alice"));
	assert_true(phone_is_cut);
	phone_goes();
	assert_true(underway_bars(&server, &alice, "alice"));
	tick(1);
	assert_true(underway_bars(&server, &alice, "mallory")); /* who might be quicker */
	assert_true(underway_bars_strangers(&server, "alice"));
	assert_false(underway_bars(&server, &alice, "alice"));
	tick(HELD_MS);
	assert_false(underway_bars(&server, &alice, "mallory"));
}

#define PHONE_TEST(name) cmocka_unit_test_setup_teardown(name, with_phone, without_phone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PHONE_TEST(who_begins_anew_while_lines_are_underway_is_to_come_again),
		PHONE_TEST(nothing_goes_out_until_he_has_come_again_and_so_he_is_let_in),
		PHONE_TEST(the_hold_of_one_who_does_not_come_again_ends_after_five_seconds),
		PHONE_TEST(who_comes_again_and_is_let_in_does_not_make_the_hold_longer),
		PHONE_TEST(who_goes_on_exactly_there_is_let_in_and_nothing_is_held),
		PHONE_TEST(of_mqtt_5_it_is_not_known_whether_he_goes_on),
		PHONE_TEST(another_device_is_let_in_and_the_name_of_somebody_elses_holds_nothing),
		PHONE_TEST(a_host_that_takes_up_at_once_bars_nobody),
		PHONE_TEST(who_begins_anew_after_it_went_is_let_in_once_all_is_taken_up),
		PHONE_TEST(who_goes_on_with_what_the_broker_has_not_all_of_comes_again_as_well),
		PHONE_TEST(nobody_from_outside_takes_its_client_id_until_all_is_taken_up),
		PHONE_TEST(a_client_id_that_names_no_device_is_nobody_elses_until_all_is_taken_up),
		PHONE_TEST(what_goes_out_to_somebody_under_a_users_own_name_is_not_for_the_user),
		PHONE_TEST(a_connection_that_ends_with_no_line_underway_bars_only_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
