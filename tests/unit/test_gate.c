/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whose login is worth looking at. */
#include "plugin/broker/gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define MINUTE ((int64_t)60 * 1000)

enum { LIMIT = 60, OF_USER = LIMIT / 4 };

static const char HOME[] = "203.0.113.7", OFFICE[] = "198.51.100.9";

static int64_t now_ms;

static int open_gate(void **state)
{
	struct error err;
	*state = gate_new("127.0.0.0/8, ::1,10.1.0.0/16,2001:db8:ff::/48", &err);
	gate_set_limits(*state, LIMIT, LIMIT);
	now_ms = 1000;
	return 0;
}

static int close_gate(void **state)
{
	gate_free(*state);
	return 0;
}

/* What becomes of a login that says it is user's. */
static enum gate_rc asks_on(struct gate *gate, const char *address, const char *device, const char *user)
{
	struct gate_visit visit = gate_visit(gate, address, device);
	enum gate_rc rc = gate_ask(gate, &visit, now_ms);
	return rc == GATE_WHO ? gate_ask_user(gate, &visit, user, now_ms) : rc;
}

static enum gate_rc asks(struct gate *gate, const char *address, const char *user)
{
	return asks_on(gate, address, "x", user);
}

/* A bad token, if it is looked at. Returns for how long the address is closed by it. */
static int64_t fails_at(struct gate *gate, const char *address, const char *user, enum gate_cost cost)
{
	struct gate_visit visit = gate_visit(gate, address, "x");
	return asks(gate, address, user) == GATE_OPEN ? gate_failed(gate, &visit, user, cost, now_ms) : 0;
}

static void passes_on(struct gate *gate, const char *address, const char *device, const char *user)
{
	struct gate_visit visit = gate_visit(gate, address, device);
	gate_passed(gate, &visit, user, now_ms);
}

/* Bad tokens of somebody else each until the address is closed. Returns how many were looked at. */
static unsigned fill(struct gate *gate, const char *address, int64_t *closed_ms)
{
	char user[32];
	for (unsigned i = 1; i < 100000; i++) {
		snprintf(user, sizeof user, "nobody-%u-%lld", i, (long long)now_ms);
		*closed_ms = fails_at(gate, address, user, GATE_SIGNATURE);
		if (*closed_ms > 0)
			return i;
	}
	return 0;
}

static void an_address_may_fail_a_minutes_worth_and_is_closed_then(void **state)
{
	int64_t closed_ms;
	assert_int_equal(fill(*state, HOME, &closed_ms), LIMIT);
	assert_int_equal(closed_ms, GATE_CLOSED_MIN_MS);
	assert_int_equal(asks(*state, HOME, "carol"), GATE_CLOSED);
	now_ms += closed_ms;
	assert_int_equal(asks(*state, HOME, "carol"), GATE_OPEN);
}

static void failing_slowly_closes_nothing(void **state)
{
	for (unsigned i = 0; i < 10 * LIMIT; i++) {
		assert_int_equal(fails_at(*state, HOME, NULL, GATE_SIGNATURE), 0);
		now_ms += MINUTE / LIMIT;
	}
}

static void each_closing_is_twice_as_long_up_to_five_minutes_and_is_forgotten_after_ten_quiet_ones(void **state)
{
	int64_t closed_ms, expected_ms = GATE_CLOSED_MIN_MS;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(fill(*state, HOME, &closed_ms) > 0);
		assert_int_equal(closed_ms, expected_ms);
		now_ms += closed_ms;
		expected_ms = expected_ms * 2 < GATE_CLOSED_MAX_MS ? expected_ms * 2 : GATE_CLOSED_MAX_MS;
	}
	now_ms += GATE_FORGOTTEN_MS;
	assert_int_equal(fill(*state, HOME, &closed_ms), LIMIT);
	assert_int_equal(closed_ms, GATE_CLOSED_MIN_MS);
}

static void other_addresses_are_not_concerned(void **state)
{
	int64_t closed_ms;
	fill(*state, HOME, &closed_ms);
	assert_int_equal(asks(*state, OFFICE, "carol"), GATE_OPEN);
	assert_int_equal(asks(*state, "203.0.113.8", "carol"), GATE_OPEN);
}

static void who_has_logged_in_from_a_closed_address_within_a_day_still_gets_in(void **state)
{
	int64_t closed_ms;
	passes_on(*state, HOME, "bob/phone", "bob");
	fill(*state, HOME, &closed_ms);
	assert_int_equal(asks(*state, HOME, "bob"), GATE_OPEN);
	assert_int_equal(asks(*state, HOME, "carol"), GATE_CLOSED);
	assert_int_equal(asks(*state, HOME, NULL), GATE_CLOSED);
	now_ms += GATE_FRIEND_MS;
	fill(*state, HOME, &closed_ms);
	assert_int_equal(asks(*state, HOME, "bob"), GATE_CLOSED);
}

static void who_logs_in_while_an_address_is_open_again_is_its_friend(void **state)
{
	int64_t closed_ms;
	fill(*state, HOME, &closed_ms);
	now_ms += closed_ms;
	passes_on(*state, HOME, "bob/phone", "bob");
	fill(*state, HOME, &closed_ms);
	assert_int_equal(asks(*state, HOME, "bob"), GATE_OPEN);
}

static void being_known_elsewhere_helps_nobody(void **state)
{
	int64_t closed_ms;
	passes_on(*state, OFFICE, "bob/phone", "bob");
	fill(*state, HOME, &closed_ms);
	assert_int_equal(asks(*state, HOME, "bob"), GATE_CLOSED);
}

static void one_user_who_fails_closes_his_own_way_and_not_that_of_his_house(void **state)
{
	for (unsigned i = 0; i < OF_USER; i++)
		assert_int_equal(fails_at(*state, HOME, "alice", GATE_SIGNATURE), 0);
	assert_int_equal(asks(*state, HOME, "alice"), GATE_CLOSED);
	assert_int_equal(asks(*state, HOME, "carol"), GATE_OPEN);
}

static void a_friends_way_is_closed_as_well_when_his_name_fails_there(void **state)
{
	passes_on(*state, HOME, "alice/phone", "alice");
	for (unsigned i = 0; i < OF_USER; i++)
		fails_at(*state, HOME, "alice", GATE_SIGNATURE);
	assert_int_equal(asks(*state, HOME, "alice"), GATE_CLOSED);
	now_ms += GATE_CLOSED_MIN_MS;
	assert_int_equal(asks(*state, HOME, "alice"), GATE_OPEN);
}

static void coming_to_a_closed_way_again_and_again_closes_the_address(void **state)
{
	for (unsigned i = 0; i < OF_USER; i++)
		fails_at(*state, HOME, "alice", GATE_SIGNATURE);
	unsigned came = 0;
	while (asks(*state, HOME, "carol") == GATE_OPEN && came < 100000) {
		came++;
		asks(*state, HOME, "alice");
	}
	assert_in_range(came, (LIMIT - OF_USER) * 9, (LIMIT - OF_USER) * 11);
}

static void a_user_under_attack_gets_in_from_everywhere_else(void **state)
{
	char address[32];
	for (unsigned i = 0; i < 250; i++) {
		snprintf(address, sizeof address, "192.0.2.%u", i);
		fails_at(*state, address, "alice", GATE_SIGNATURE);
	}
	assert_int_equal(asks(*state, OFFICE, "alice"), GATE_OPEN);
	/* … while an address that has failed for her once has no second try, unless she is known there. */
	assert_int_equal(asks(*state, "192.0.2.1", "alice"), GATE_CLOSED);
	assert_int_equal(asks(*state, "192.0.2.1", "carol"), GATE_OPEN);
	passes_on(*state, "192.0.2.2", "alice/phone", "alice");
	assert_int_equal(asks(*state, "192.0.2.2", "alice"), GATE_OPEN);
}

static void what_costs_no_signature_counts_a_tenth(void **state)
{
	char user[32];
	unsigned count = 0;
	for (int64_t closed_ms = 0; closed_ms == 0 && count < 100000; count++) {
		snprintf(user, sizeof user, "late-%u", count);
		closed_ms = fails_at(*state, HOME, user, GATE_READING);
	}
	assert_in_range(count, LIMIT * 9, LIMIT * 11);
}

static void an_ipv6_network_of_64_bits_is_one_address(void **state)
{
	int64_t closed_ms;
	fill(*state, "2001:db8:1:2::1", &closed_ms);
	assert_int_equal(asks(*state, "2001:db8:1:2:ffff::9", "carol"), GATE_CLOSED);
	assert_int_equal(asks(*state, "2001:db8:1:3::1", "carol"), GATE_OPEN);
}

static void an_ipv4_address_is_the_same_on_a_listener_of_ipv6(void **state)
{
	int64_t closed_ms;
	fill(*state, HOME, &closed_ms);
	assert_int_equal(asks(*state, "::ffff:203.0.113.7", "carol"), GATE_CLOSED);
	assert_int_equal(asks(*state, "::ffff:203.0.113.6", "carol"), GATE_OPEN);
}

static void proxies_and_what_is_no_address_are_not_counted(void **state)
{
	static const char *const ADDRESSES[] = {
		"127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "10.1.255.255", "2001:db8:ff:1::1", "/run/mosquitto.sock", "", NULL};
	for (size_t i = 0; i < sizeof ADDRESSES / sizeof *ADDRESSES; i++)
		for (unsigned n = 0; n < 1000; n++)
			assert_int_equal(fails_at(*state, ADDRESSES[i], "alice", GATE_SIGNATURE), 0);
	static const char *const COUNTED[] = {"128.0.0.1", "10.2.0.0", "2001:db8:fe:ffff::1", "::2"};
	int64_t closed_ms;
	for (size_t i = 0; i < sizeof COUNTED / sizeof *COUNTED; i++)
		assert_int_equal(fill(*state, COUNTED[i], &closed_ms), LIMIT);
}

static void this_machine_and_proxies_are_near_and_the_world_is_not(void **state)
{
	static const char *const NEAR[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "/run/mosquitto.sock"};
	static const char *const FAR[] = {"128.0.0.1", "10.2.0.1", "::2", "203.0.113.7", "2001:db8::1"};
	for (size_t i = 0; i < sizeof NEAR / sizeof *NEAR; i++)
		assert_true(gate_is_near(*state, NEAR[i]));
	for (size_t i = 0; i < sizeof FAR / sizeof *FAR; i++)
		assert_false(gate_is_near(*state, FAR[i]));
	struct gate *alone = gate_new("", NULL);
	assert_true(gate_is_near(alone, "127.0.0.1") && gate_is_near(alone, "::1") && !gate_is_near(alone, "10.1.2.3"));
	gate_free(alone);
}

static void a_device_that_keeps_coming_is_to_come_later(void **state)
{
	for (unsigned i = 0; i < LIMIT; i++) {
		assert_int_equal(asks_on(*state, "127.0.0.1", "alice/phone", "alice"), GATE_OPEN);
		passes_on(*state, "127.0.0.1", "alice/phone", "alice");
	}
	assert_int_equal(asks_on(*state, "127.0.0.1", "alice/phone", "alice"), GATE_LATER);
	assert_int_equal(asks_on(*state, HOME, "alice/phone", "alice"), GATE_LATER);
	assert_int_equal(asks_on(*state, HOME, "alice/desk", "alice"), GATE_OPEN);
	now_ms += MINUTE / LIMIT + 1;
	assert_int_equal(asks_on(*state, HOME, "alice/phone", "alice"), GATE_OPEN);
}

static void a_users_devices_come_ten_times_as_often_as_one_and_others_are_not_concerned(void **state)
{
	for (unsigned i = 0; i < 10 * LIMIT; i++) {
		char device[32];
		snprintf(device, sizeof device, "alice/%u", i);
		assert_int_equal(gate_ask_known(*state, "alice", now_ms), GATE_OPEN);
		passes_on(*state, HOME, device, "alice");
	}
	assert_int_equal(gate_ask_known(*state, "alice", now_ms), GATE_LATER);
	assert_int_equal(gate_ask_known(*state, "bob", now_ms), GATE_OPEN);
	now_ms += MINUTE / (10 * LIMIT) + 1;
	assert_int_equal(gate_ask_known(*state, "alice", now_ms), GATE_OPEN);
	gate_set_limits(*state, LIMIT, 0);
	now_ms -= MINUTE / (10 * LIMIT) + 1;
	assert_int_equal(gate_ask_known(*state, "alice", now_ms), GATE_OPEN);
}

static void without_a_device_one_comes_ten_times_as_often_again(void **state)
{
	unsigned count = 0;
	while (gate_ask_known(*state, "alice", now_ms) == GATE_OPEN) {
		struct gate_visit visit = gate_visit(*state, HOME, "");
		visit.device = 0;
		gate_passed(*state, &visit, "alice", now_ms);
		count++;
	}
	assert_in_range(count, 10 * (10 * LIMIT - 1), 100 * LIMIT);
	assert_int_equal(gate_ask_known(*state, "bob", now_ms), GATE_OPEN);
	now_ms += MINUTE / (10 * LIMIT) + 1;
	assert_int_equal(gate_ask_known(*state, "alice", now_ms), GATE_OPEN);
}

static void failing_as_a_device_holds_up_no_device(void **state)
{
	for (unsigned i = 0; i < 10 * LIMIT; i++) {
		struct gate_visit visit = gate_visit(*state, HOME, "alice/phone");
		gate_failed(*state, &visit, "alice", GATE_SIGNATURE, now_ms);
	}
	assert_int_equal(asks_on(*state, OFFICE, "alice/phone", "alice"), GATE_OPEN);
}

static void without_limits_nobody_is_refused(void **state)
{
	gate_set_limits(*state, 0, 0);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(fails_at(*state, HOME, "alice", GATE_SIGNATURE), 0);
		passes_on(*state, HOME, "x", "alice");
	}
	assert_int_equal(asks(*state, HOME, "alice"), GATE_OPEN);
}

static void a_limit_of_one_still_lets_one_fail(void **state)
{
	gate_set_limits(*state, 1, 1);
	assert_int_equal(fails_at(*state, HOME, "alice", GATE_SIGNATURE), GATE_CLOSED_MIN_MS);
	now_ms += MINUTE;
	assert_int_equal(asks(*state, HOME, "alice"), GATE_OPEN);
}

/* More than fit: the oldest are forgotten, nobody is mixed up with another. */
static void a_hundred_thousand_addresses_and_users_take_no_more_room_and_refuse_nobody(void **state)
{
	char address[32], user[32];
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(address, sizeof address, "100.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		snprintf(user, sizeof user, "user-%u", i);
		assert_int_equal(fails_at(*state, address, user, GATE_SIGNATURE), 0);
		passes_on(*state, address, user, user);
		now_ms++;
	}
	assert_int_equal(asks(*state, HOME, "alice"), GATE_OPEN);
	int64_t closed_ms;
	assert_int_equal(fill(*state, HOME, &closed_ms), LIMIT);
}

static void proxies_that_are_none_are_refused(void **state)
{
	static const char *const WRONG[] = {"proxy.example", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0", "1.1.1.1;2.2.2.2",
		"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1"};
	(void)state;
	for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
		struct error err = {0};
		assert_null(gate_new(WRONG[i], &err));
		assert_true(strlen(err.text) > 0);
	}
	struct gate *gate = gate_new("", NULL);
	assert_non_null(gate);
	gate_free(gate);
	gate_free(NULL);
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, open_gate, close_gate)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATE_TEST(an_address_may_fail_a_minutes_worth_and_is_closed_then),
		GATE_TEST(failing_slowly_closes_nothing),
		GATE_TEST(each_closing_is_twice_as_long_up_to_five_minutes_and_is_forgotten_after_ten_quiet_ones),
		GATE_TEST(other_addresses_are_not_concerned),
		GATE_TEST(who_has_logged_in_from_a_closed_address_within_a_day_still_gets_in),
		GATE_TEST(who_logs_in_while_an_address_is_open_again_is_its_friend),
		GATE_TEST(being_known_elsewhere_helps_nobody),
		GATE_TEST(one_user_who_fails_closes_his_own_way_and_not_that_of_his_house),
		GATE_TEST(a_friends_way_is_closed_as_well_when_his_name_fails_there),
		GATE_TEST(coming_to_a_closed_way_again_and_again_closes_the_address),
		GATE_TEST(a_user_under_attack_gets_in_from_everywhere_else),
		GATE_TEST(what_costs_no_signature_counts_a_tenth),
		GATE_TEST(an_ipv6_network_of_64_bits_is_one_address),
		GATE_TEST(an_ipv4_address_is_the_same_on_a_listener_of_ipv6),
		GATE_TEST(proxies_and_what_is_no_address_are_not_counted),
		GATE_TEST(this_machine_and_proxies_are_near_and_the_world_is_not),
		GATE_TEST(a_device_that_keeps_coming_is_to_come_later),
		GATE_TEST(a_users_devices_come_ten_times_as_often_as_one_and_others_are_not_concerned),
		GATE_TEST(without_a_device_one_comes_ten_times_as_often_again),
		GATE_TEST(failing_as_a_device_holds_up_no_device),
		GATE_TEST(without_limits_nobody_is_refused),
		GATE_TEST(a_limit_of_one_still_lets_one_fail),
		GATE_TEST(a_hundred_thousand_addresses_and_users_take_no_more_room_and_refuse_nobody),
		GATE_TEST(proxies_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
