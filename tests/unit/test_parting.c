/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who leaves a group in which he and others watch each other on many connections: presence.c and parting.c, against a broker and a store of which this
 * file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "chat_kit.h"
#include "plugin/broker/activity.h"
#include "plugin/broker/answer.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/live.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/server.h"
#include "plugin/broker/watching.h"
#include "plugin/rpc/shared.h"

enum { PEOPLE = 50, DESKS = 100, MALLORY = PEOPLE, EVERYBODY }; /* MALLORY is who leaves */

static struct server server;
static struct chat *chat;
static struct {
	char name[16];
	struct person person;
	struct session desks[DESKS];
	size_t desk_count;
	bool shares;          /* another chat with mallory */
	enum store_rc answer; /* of the store, about him */
	unsigned looked_at;
	unsigned told_away;   /* of somebody who is not seen any more */
} people[EVERYBODY];
static struct job *queue, *later; /* for the readers; to be run again */
static unsigned queued_most, queued;

/* ---- the rest of the broker ---- */

static size_t number_of(const char *user_id)
{
	return strcmp(user_id, "mallory") == 0 ? MALLORY : strtoul(user_id, NULL, 10);
}

struct person *person_find(struct server *of, const char *user_id)
{
	(void)of;
	return &people[number_of(user_id)].person;
}

struct session *session_by_id(struct server *of, uint64_t id)
{
	(void)of;
	return &people[id / DESKS].desks[id % DESKS];
}

void live_presence(struct server *of, struct session *session, const char *user_id, bool online, int64_t last_seen_ms)
{
	(void)of, (void)user_id, (void)last_seen_ms;
	people[number_of(session->person->user_id)].told_away += !online;
}

bool workers_add(struct workers *workers, struct job *job)
{
	(void)workers;
	if (server.closing)
		return false;
	LL_APPEND(queue, job);
	queued++;
	queued_most = queued > queued_most ? queued : queued_most;
	return true;
}

bool jobs_repeat(struct server *of, const char *key, struct job *job)
{
	(void)of, (void)key;
	if (server.closing)
		return false;
	LL_APPEND(later, job);
	return true;
}

bool jobs_read_again(struct server *of, struct job *job, enum store_rc rc, const struct error *err)
{
	(void)rc, (void)err;
	return jobs_repeat(of, NULL, job);
}

enum store_rc shared_open(struct store *store, const char *user_id, struct shared *shared, struct error *err)
{
	(void)store, (void)err;
	size_t who = number_of(user_id);
	if (people[who].answer == STORE_OK)
		*shared = (struct shared){0};
	return people[who].answer;
}

void shared_close(struct shared *shared)
{
	(void)shared;
}

enum store_rc shared_with(struct store *store, const struct shared *shared, const char *other_id, bool *shares, struct error *err)
{
	(void)store, (void)shared, (void)err;
	size_t who = number_of(other_id);
	people[who].looked_at++;
	if (people[who].answer == STORE_OK)
		*shares = people[who].shares;
	return people[who].answer;
}

bool asking_ends(struct asking *asking, struct profile_list *profiles)
{
	(void)asking, (void)profiles;
	return true;
}

bool asking_is_newest(const struct asking *asking, uint64_t *newest)
{
	(void)asking, (void)newest;
	return true;
}

void asking_user_changed(struct server *of, const char *user_id)
{
	(void)of, (void)user_id;
}

void asking_pair_changed(struct server *of, const char *watcher_id, const char *user_id)
{
	(void)of, (void)watcher_id, (void)user_id;
}

void asking_chat_left(struct server *of, struct chat *left, const char *user_id)
{
	(void)of, (void)left, (void)user_id;
}

void showing_changed(struct server *of, const char *user_id)
{
	(void)of, (void)user_id;
}

void cluster_tell(struct server *of, const char *kind, const char *subject, int64_t at_ms)
{
	(void)of, (void)kind, (void)subject, (void)at_ms;
}

void activity_presence(struct server *of, const char *user_id, bool online, int64_t at_ms)
{
	(void)of, (void)user_id, (void)online, (void)at_ms;
}

void here_came(struct here *here, const char *user_id)
{
	(void)here, (void)user_id;
}

void here_went(struct here *here, const char *user_id)
{
	(void)here, (void)user_id;
}

void seen_note(struct server *of, const char *user_id, int64_t at_ms)
{
	(void)of, (void)user_id, (void)at_ms;
}

void seen_finish(struct server *of)
{
	(void)of;
}

void server_wake_in(struct server *of, int64_t ms)
{
	(void)of, (void)ms;
}

/* ---- the words of the tests ---- */

static void has_desks(size_t who, size_t count)
{
	people[who].desk_count = count;
	people[who].person.sessions = NULL;
	for (size_t i = 0; i < count; i++) {
		struct session *desk = &people[who].desks[i];
		*desk = (struct session){.person = &people[who].person, .id = who * DESKS + i};
		DL_APPEND2(people[who].person.sessions, desk, person_prev, person_next);
	}
}

/* On each of his desks. */
static void watches(size_t who, size_t first, size_t last)
{
	static struct profile profiles[EVERYBODY];
	struct profile_list list = {.count = last - first + 1, .profiles = profiles};
	for (size_t i = first; i <= last; i++)
		profiles[i - first] = (struct profile){.user_id = people[i].name};
	for (size_t i = 0; i < people[who].desk_count; i++) {
		struct origin origin = {.server = &server, .session_id = people[who].desks[i].id};
		struct rpc_request request = {.origin = &origin};
		assert_true(presence_watch(&request, &list));
	}
}

static void job_runs(void)
{
	struct job *job = queue;
	assert_non_null(job);
	LL_DELETE(queue, job);
	queued--;
	job->run(job);
	job->done(job);
}

static void jobs_run(void)
{
	while (queue != NULL)
		job_runs();
}

static void half_a_second_passes(void)
{
	struct job *due = later, *job, *next;
	later = NULL;
	LL_FOREACH_SAFE(due, job, next)
		assert_true(workers_add(NULL, job));
	jobs_run();
}

static void mallory_leaves(void)
{
	presence_left(&server, chat, "mallory");
}

/* His desks that watch somebody. */
static size_t watches_of(size_t who)
{
	size_t count = 0;
	for (size_t i = 0; i < people[who].desk_count; i++)
		count += people[who].desks[i].watches != NULL;
	return count;
}

static int a_group(void **state)
{
	struct buf members = BUF_EMPTY;
	(void)state;
	server = (struct server){.now_ms = 1000000};
	memset(people, 0, sizeof people);
	queue = later = NULL;
	queued = queued_most = 0;
	buf_add_text(&members, "{\"members\":[{\"userID\":\"mallory\",\"role\":\"owner\"}");
	for (size_t i = 0; i < EVERYBODY; i++) {
		snprintf(people[i].name, sizeof people[i].name, "%zu", i);
		if (i == MALLORY)
			strcpy(people[i].name, "mallory");
		people[i].person.user_id = people[i].name;
		if (i < MALLORY)
			buf_printf(&members, ",{\"userID\":\"%zu\",\"role\":\"member\"}", i);
		has_desks(i, 1);
	}
	buf_add_text(&members, "]}");
	chat = chat_new("chat");
	log_add(chat, TX_MEMBER_ADDED, "mallory", NULL, members.data);
	buf_fini(&members);
	return 0;
}

static int everybody_goes(void **state)
{
	(void)state;
	for (size_t i = 0; i < EVERYBODY; i++)
		while (people[i].person.sessions != NULL) {
			struct session *session = people[i].person.sessions;
			DL_DELETE2(people[i].person.sessions, session, person_prev, person_next);
			presence_went(&server, session);
		}
	presence_free_all(&server);
	chat_free(chat);
	assert_null(server.shown);
	assert_null(server.partings);
	return 0;
}

/* ---- */

static void who_watches_a_group_on_many_connections_and_leaves_it_is_one_job_at_a_time(void **state)
{
	(void)state;
	has_desks(MALLORY, DESKS);
	watches(MALLORY, 0, PEOPLE - 1);
	mallory_leaves();
	assert_int_equal(queued, 1);
	jobs_run();
	assert_int_equal(queued_most, 1);
	for (size_t i = 0; i < PEOPLE; i++)
		assert_int_equal(people[i].looked_at, 1);
	assert_int_equal(watches_of(MALLORY), 0);
	assert_int_equal(people[MALLORY].told_away, DESKS * PEOPLE);
}

static void those_who_watch_him_on_many_connections_are_looked_at_once_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < PEOPLE; i++) {
		has_desks(i, 10);
		watches(i, MALLORY, MALLORY);
	}
	watches(MALLORY, 0, PEOPLE - 1);
	mallory_leaves();
	jobs_run();
	assert_int_equal(queued_most, 1);
	for (size_t i = 0; i < PEOPLE; i++) {
		assert_int_equal(people[i].looked_at, 1);
		assert_int_equal(watches_of(i), 0);
		assert_int_equal(people[i].told_away, 10);
	}
	assert_int_equal(watches_of(MALLORY), 0);
}

static void who_shares_another_chat_with_him_still_sees_him_and_is_seen(void **state)
{
	(void)state;
	people[7].shares = true;
	watches(7, MALLORY, MALLORY);
	watches(8, MALLORY, MALLORY);
	watches(MALLORY, 7, 8);
	mallory_leaves();
	jobs_run();
	assert_int_equal(watches_of(7), 1);
	assert_int_equal(watches_of(8), 0);
	assert_int_equal(watches_of(MALLORY), 1);
	assert_int_equal(people[MALLORY].told_away, 1);
}

static void who_is_no_member_is_not_looked_at(void **state)
{
	(void)state;
	chat_free(chat);
	chat = alice_and_bob();
	watches(7, MALLORY, MALLORY);
	watches(MALLORY, 7, 8);
	mallory_leaves();
	assert_null(queue);
	assert_int_equal(watches_of(7), 1);
}

static void one_who_cannot_be_read_keeps_the_others_from_nothing(void **state)
{
	(void)state;
	people[3].answer = STORE_CORRUPT;
	watches(MALLORY, 0, PEOPLE - 1);
	mallory_leaves();
	jobs_run();
	for (int seconds = 0; seconds < 5; seconds++)
		half_a_second_passes();
	assert_int_equal(people[MALLORY].told_away, PEOPLE - 1);
	people[3].answer = STORE_OK;
	half_a_second_passes();
	assert_int_equal(people[MALLORY].told_away, PEOPLE);
}

static void a_store_that_is_away_is_asked_once_and_again_later(void **state)
{
	(void)state;
	for (size_t i = 0; i < PEOPLE; i++)
		people[i].answer = STORE_UNAVAILABLE;
	watches(MALLORY, 0, PEOPLE - 1);
	mallory_leaves();
	job_runs();
	assert_int_equal(people[0].looked_at, 1);
	assert_int_equal(people[1].looked_at, 0);
	assert_int_equal(people[MALLORY].told_away, 0);
	for (size_t i = 0; i < PEOPLE; i++)
		people[i].answer = STORE_OK;
	half_a_second_passes();
	assert_int_equal(people[MALLORY].told_away, PEOPLE);
}

static void who_has_no_account_any_more_is_seen_by_nobody(void **state)
{
	(void)state;
	people[MALLORY].answer = STORE_NOT_FOUND;
	watches(7, MALLORY, MALLORY);
	people[7].shares = true;
	mallory_leaves();
	jobs_run();
	assert_int_equal(watches_of(7), 0);
}

static void who_leaves_the_last_chat_while_the_one_before_is_looked_at_is_looked_at_again(void **state)
{
	(void)state;
	people[7].shares = true;
	watches(MALLORY, 7, 7);
	mallory_leaves();
	struct job *job = queue;
	job->run(job); /* they share one still */
	people[7].shares = false;
	mallory_leaves();
	assert_int_equal(queued, 1);
	LL_DELETE(queue, job);
	queued--;
	job->done(job);
	jobs_run();
	assert_int_equal(watches_of(MALLORY), 0);
}

static void what_is_looked_at_when_the_plugin_closes_is_let_go_of(void **state)
{
	(void)state;
	watches(MALLORY, 0, PEOPLE - 1);
	mallory_leaves();
	server.closing = true;
	job_runs();
	assert_null(server.partings);
}

#define PARTING_TEST(name) cmocka_unit_test_setup_teardown(name, a_group, everybody_goes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PARTING_TEST(who_watches_a_group_on_many_connections_and_leaves_it_is_one_job_at_a_time),
		PARTING_TEST(those_who_watch_him_on_many_connections_are_looked_at_once_each),
		PARTING_TEST(who_shares_another_chat_with_him_still_sees_him_and_is_seen),
		PARTING_TEST(who_is_no_member_is_not_looked_at),
		PARTING_TEST(one_who_cannot_be_read_keeps_the_others_from_nothing),
		PARTING_TEST(a_store_that_is_away_is_asked_once_and_again_later),
		PARTING_TEST(who_has_no_account_any_more_is_seen_by_nobody),
		PARTING_TEST(who_leaves_the_last_chat_while_the_one_before_is_looked_at_is_looked_at_again),
		PARTING_TEST(what_is_looked_at_when_the_plugin_closes_is_let_go_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
