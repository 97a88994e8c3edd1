/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A device that comes in the moment in which it is forgotten for another one: removal.c against a broker of which this file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "plugin/broker/cluster.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/device.h"
#include "plugin/broker/removal.h"
#include "plugin/broker/revoke.h"
#include "plugin/broker/server.h"

static struct server server;
static struct person bob;
static struct session phone, laptop; /* they are back before the store has forgotten the phone */
static char user_id[] = "bob", phone_id[] = "bob/phone", laptop_id[] = "bob/laptop";
static enum store_rc answer;
static struct job *in_lane;
static const struct session *stored_anew;

/* ---- the rest of the broker ---- */

static enum store_rc remove_device(struct store *store, const char *user, const char *device, struct error *err)
{
	(void)store, (void)user, (void)err;
	assert_string_equal(device, "phone");
	return answer;
}

struct person *person_find(struct server *of, const char *user)
{
	(void)of, (void)user;
	return &bob;
}

bool lanes_put(struct lanes *lanes, const char *key, struct job *job)
{
	(void)lanes, (void)key;
	in_lane = job;
	return true;
}

bool jobs_repeat(struct server *of, const char *key, struct job *job)
{
	(void)of, (void)key, (void)job;
	fail(); /* it would run behind what the device stores when it is back */
	return false;
}

void device_changed(struct server *of, struct session *session)
{
	(void)of;
	assert_null(stored_anew);
	stored_anew = session;
}

void cursor_forget(struct server *of, const char *client_id)
{
	(void)of;
	assert_string_equal(client_id, phone_id);
}

void session_cut(struct server *of, struct session *session)
{
	(void)of, (void)session;
	fail();
}

void revoke_happened(struct server *of, const char *subject, int64_t at_ms)
{
	(void)of, (void)subject, (void)at_ms;
	fail();
}

void cluster_tell(struct server *of, const char *kind, const char *subject, int64_t at_ms)
{
	(void)of, (void)kind, (void)subject, (void)at_ms;
	fail();
}

/* ---- the words of the tests ---- */

static int both_are_known(void **state)
{
	static const struct store_ops ops = {.remove_device = remove_device};
	static const struct store_ops *store = &ops; /* all that the header knows of one */
	(void)state;
	server = (struct server){.store = (struct store *)&store};
	phone = (struct session){.client_id = phone_id, .device = phone_id + 4, .person = &bob, .device_known = true, .person_next = &laptop};
	laptop = (struct session){.client_id = laptop_id, .device = laptop_id + 4, .person = &bob, .device_known = true};
	bob = (struct person){.user_id = user_id, .sessions = &phone};
	answer = STORE_OK;
	in_lane = NULL;
	stored_anew = NULL;
	return 0;
}

static void phone_is_forgotten(void)
{
	removal_forgets(&server, "bob", "phone");
	struct job *job = in_lane;
	job->run(job);
	job->done(job);
	assert_ptr_equal(stored_anew, &phone);
}

/* ---- */

static void it_begins_as_a_new_one_whatever_its_login_has_read(void **state)
{
	(void)state;
	phone_is_forgotten();
	assert_false(phone.device_known);
	assert_true(laptop.device_known);
}

static void it_stays_known_where_it_could_not_be_forgotten(void **state)
{
	(void)state;
	answer = STORE_UNAVAILABLE;
	phone_is_forgotten();
	assert_true(phone.device_known);
}

static void it_stays_known_once_it_was_told_where_it_begins(void **state)
{
	(void)state;
	phone.placed = true;
	phone_is_forgotten();
	assert_true(phone.device_known);
}

#define REMOVAL_TEST(name) cmocka_unit_test_setup(name, both_are_known)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMOVAL_TEST(it_begins_as_a_new_one_whatever_its_login_has_read),
		REMOVAL_TEST(it_stays_known_where_it_could_not_be_forgotten),
		REMOVAL_TEST(it_stays_known_once_it_was_told_where_it_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
