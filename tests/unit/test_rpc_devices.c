/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The operations on one's devices, against a memory store that may fail, and a broker that notes what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_scene.h"
#include "storage/faulty/faulty.h"

/* What the broker was told. */
static struct {
	char removed[65];
	bool token_ended;
	unsigned removals;
	unsigned tokens;
	bool refuses;
} told;

static void note_removal(const struct rpc_request *request, const char *device, bool token_ended)
{
	(void)request;
	strcpy(told.removed, device);
	told.token_ended = token_ended;
	told.removals++;
}

static bool only_phones_are_connected(const struct rpc_request *request, const char *device)
{
	(void)request;
	return strcmp(device, "phone") == 0;
}

static enum store_rc keys_of(struct store *store, int64_t now_ms, struct signing_key_list **keys, struct error *err)
{
	(void)now_ms;
	return store_ops(store)->list_signing_keys(store, keys, err);
}

static char *make_token(const struct rpc_request *request, const struct signing_key_list *keys, const char *device, int64_t expires_ms,
	struct verdict *verdict)
{
	(void)request;
	(void)keys;
	(void)device;
	(void)expires_ms;
	told.tokens++;
	if (!told.refuses)
		return mem_text("a.b.c");
	refuse(verdict, REFUSAL_UNAVAILABLE, NULL);
	return NULL;
}

static int open_scene(void **state)
{
	scene_setup(state);
	struct scene *scene = *state;
	memset(&told, 0, sizeof told);
	scene->world.device_removed = note_removal;
	scene->world.device_is_connected = only_phones_are_connected;
	scene->world.signing_keys = keys_of;
	scene->world.device_token = make_token;
	scene_names(scene, "alice", "Alice", "");
	scene_names(scene, "bob", "Bob", "");
	return 0;
}

static json_t *asks_as(struct scene *scene, const char *user_id, const char *device, const char *operation, const char *args)
{
	struct rpc_request *request = scene_request(scene, user_id, operation, "1", args);
	request->device = mem_text(device);
	return scene_runs(request);
}

static void assert_done(json_t *answer)
{
	assert_true(has(answer, "result"));
	json_decref(answer);
}

static void a_device_is_registered_and_listed(void **state)
{
	assert_done(asks_as(*state, "alice", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"));
	json_t *answer = asks_as(*state, "alice", "phone", "getDevices", "{}");
	assert_int_equal(count_at(answer, "result.devices"), 1);
	assert_string_equal(text_at(answer, "result.devices.0.deviceID"), "phone");
	assert_string_equal(text_at(answer, "result.devices.0.platform"), "fcm");
	assert_true(json_is_true(at(answer, "result.devices.0.current")));
	assert_true(json_is_true(at(answer, "result.devices.0.connected")));
	assert_false(has(answer, "result.devices.0.tokenExpires"));
	json_decref(answer);
	answer = asks_as(*state, "alice", "other", "getDevices", "{}");
	assert_false(has(answer, "result.devices.0.current"));
	json_decref(answer);
}

static void only_a_device_is_registered_and_with_its_platform(void **state)
{
	assert_refusal(scene_asks(*state, "alice", "registerDevice", "{'platform':'fcm','pushToken':'t'}"), "forbidden");
	assert_refusal(asks_as(*state, "alice", "phone", "registerDevice", "{'pushToken':'t'}"), "bad_request");
	assert_done(asks_as(*state, "alice", "phone", "registerDevice", "{'pushToken':''}"));
}

static void register_many(struct scene *scene, const char *user_id, int count)
{
	for (int i = 0; i < count; i++) {
		char device[20], token[20];
		snprintf(device, sizeof device, "device%d", i);
		snprintf(token, sizeof token, "t%d", i);
		assert_int_equal(store_ops(scene->store)->put_registration(scene->store, user_id, device, "fcm", token, 1, NULL), STORE_OK);
	}
}

static void a_hundred_devices_of_a_user_are_registered_and_another_one_once_one_is_removed(void **state)
{
	register_many(*state, "alice", 100);
	assert_done(asks_as(*state, "alice", "device99", "registerDevice", "{'platform':'fcm','pushToken':'a new one'}"));
	assert_refusal(asks_as(*state, "alice", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"), "forbidden");
	assert_done(asks_as(*state, "alice", "phone", "registerDevice", "{'pushToken':''}"));
	assert_done(asks_as(*state, "bob", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"));
	assert_done(asks_as(*state, "alice", "device7", "removeDevice", "{'deviceID':'device7'}"));
	assert_done(asks_as(*state, "alice", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"));
}

static void a_registration_that_adds_no_device_needs_no_room(void **state)
{
	register_many(*state, "alice", 101); /* from before there was a bound */
	assert_done(asks_as(*state, "alice", "device99", "registerDevice", "{'platform':'fcm','pushToken':'a new one'}"));
	assert_done(asks_as(*state, "alice", "new", "registerDevice", "{'platform':'fcm','pushToken':'t7'}")); /* device7 under another name */
	assert_refusal(asks_as(*state, "alice", "newer", "registerDevice", "{'platform':'fcm','pushToken':'t'}"), "forbidden");
	assert_done(asks_as(*state, "bob", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t8'}"));
	assert_refusal(asks_as(*state, "alice", "device8", "registerDevice", "{'platform':'fcm','pushToken':'t8'}"), "forbidden");
}

static void a_thousand_devices_of_a_user_have_a_token_and_another_one_once_one_is_removed(void **state)
{
	struct scene *scene = *state;
	for (int i = 0; i < 1000; i++) {
		char device[20];
		snprintf(device, sizeof device, "device%d", i);
		assert_int_equal(store_ops(scene->store)->put_device_token(scene->store, "alice", device, 1, INT64_MAX, NULL), STORE_OK);
	}
	assert_int_equal(store_ops(scene->store)->put_device_token(scene->store, "alice", "expired", 1, 2, NULL), STORE_OK);
	assert_done(asks_as(scene, "alice", "phone", "createDeviceToken", "{'deviceID':'device999'}"));
	assert_refusal(asks_as(scene, "alice", "phone", "createDeviceToken", "{'deviceID':'lamp'}"), "forbidden");
	assert_refusal(asks_as(scene, "alice", "phone", "createDeviceToken", "{'deviceID':'expired'}"), "forbidden");
	assert_done(asks_as(scene, "bob", "phone", "createDeviceToken", "{'deviceID':'lamp'}"));
	assert_done(asks_as(scene, "alice", "phone", "removeDevice", "{'deviceID':'device7'}"));
	assert_done(asks_as(scene, "alice", "phone", "createDeviceToken", "{'deviceID':'lamp'}"));
}

static void a_push_token_belongs_to_whoever_registered_it_last(void **state)
{
	assert_done(asks_as(*state, "alice", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"));
	assert_done(asks_as(*state, "bob", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"));
	json_t *answer = asks_as(*state, "alice", "phone", "getDevices", "{}");
	assert_false(has(answer, "result.devices.0.platform"));
	json_decref(answer);
}

static size_t revocation_count(struct scene *scene)
{
	struct revocation_list *list;
	assert_int_equal(store_ops(scene->store)->list_revocations(scene->store, "", 100, &list, NULL), STORE_OK);
	size_t count = list->count;
	store_free(list);
	return count;
}

static void a_removed_device_ends_its_tokens_if_it_had_any(void **state)
{
	assert_done(asks_as(*state, "alice", "phone", "registerDevice", "{'platform':'fcm','pushToken':'t'}"));
	assert_done(asks_as(*state, "alice", "phone", "removeDevice", "{'deviceID':'phone'}"));
	assert_string_equal(told.removed, "phone");
	assert_false(told.token_ended);
	assert_int_equal(revocation_count(*state), 0);
	json_t *answer = asks_as(*state, "alice", "phone", "createDeviceToken", "{'deviceID':'lamp','days':3}");
	assert_string_equal(text_at(answer, "result.token"), "a.b.c");
	assert_int_equal(number_at(answer, "result.expires") % 1000, 0);
	json_decref(answer);
	assert_done(asks_as(*state, "alice", "phone", "removeDevice", "{'deviceID':'lamp'}"));
	assert_string_equal(told.removed, "lamp");
	assert_true(told.token_ended);
	assert_int_equal(revocation_count(*state), 1);
	assert_done(asks_as(*state, "alice", "phone", "removeDevice", "{'deviceID':'lamp'}"));
	assert_int_equal(told.removals, 3); /* whoever is connected as it goes all the same */
}

/* Each call of the store fails in turn, or is done without an answer; the same request is made again, as the broker does. */
static void a_removal_that_is_repeated_still_knows_that_there_was_a_token(void **state)
{
	struct scene *scene = *state;
	static const enum faulty_op CALLS[] = {FAULTY_LIST_DEVICES, FAULTY_PUT_REVOCATION, FAULTY_REMOVE_DEVICE};
	for (size_t i = 0; i < 2 * sizeof CALLS / sizeof *CALLS; i++) {
		json_decref(asks_as(scene, "alice", "phone", "createDeviceToken", "{'deviceID':'lamp'}"));
		struct rpc_request *request = scene_request(scene, "alice", "removeDevice", "1", "{'deviceID':'lamp'}");
		store_faulty_arm(scene->store, &(struct fault){.op = CALLS[i / 2], .call = 1, .action = i % 2 ? FAULTY_LOSE_ANSWER : FAULTY_FAIL});
		rpc_write(request);
		assert_int_equal(request->refused.code, REFUSAL_UNAVAILABLE);
		told.token_ended = false;
		assert_done(scene_runs(request));
		assert_true(told.token_ended);
	}
}

static void names_that_no_client_id_can_have_are_refused(void **state)
{
	static const char *const NAMES[] = {"a/b", "+", "a#"};
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		assert_refusal(scene_asks(*state, "alice", "removeDevice", "{'deviceID':'%s'}", NAMES[i]), "bad_request");
		assert_refusal(scene_asks(*state, "alice", "createDeviceToken", "{'deviceID':'%s'}", NAMES[i]), "bad_request");
	}
	assert_int_equal(told.removals + told.tokens, 0);
}

static void a_token_that_cannot_be_made_is_told(void **state)
{
	struct scene *scene = *state;
	told.refuses = true;
	assert_refusal(scene_asks(scene, "alice", "createDeviceToken", "{'deviceID':'lamp'}"), "unavailable");
	scene->world.device_token = NULL;
	assert_refusal(scene_asks(scene, "alice", "createDeviceToken", "{'deviceID':'lamp'}"), "unavailable");
	assert_refusal(scene_asks(scene, "nobody", "registerDevice", "{'platform':'fcm','pushToken':'t'}"), "forbidden");
}

static void a_connection_with_a_device_token_may_not_ask_for_one(void **state)
{
	static const char *const OTHERS[] = {"registerDevice", "getDevices", "removeDevice", "renewToken", "sendMessageInChat"};
	struct rpc_request *request = scene_request(*state, "alice", "createDeviceToken", "1", "{'deviceID':'lamp'}");
	assert_true(rpc_needs_sign_on(request));
	rpc_free(request);
	for (size_t i = 0; operation_at(i) != NULL; i++)
		for (size_t j = 0; j < sizeof OTHERS / sizeof *OTHERS; j++)
			assert_false(strcmp(operation_at(i)->name, OTHERS[j]) == 0 && operation_at(i)->needs_sign_on);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_device_is_registered_and_listed, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(only_a_device_is_registered_and_with_its_platform, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_hundred_devices_of_a_user_are_registered_and_another_one_once_one_is_removed, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_registration_that_adds_no_device_needs_no_room, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_thousand_devices_of_a_user_have_a_token_and_another_one_once_one_is_removed, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_push_token_belongs_to_whoever_registered_it_last, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_removed_device_ends_its_tokens_if_it_had_any, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_removal_that_is_repeated_still_knows_that_there_was_a_token, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(names_that_no_client_id_can_have_are_refused, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_token_that_cannot_be_made_is_told, open_scene, scene_teardown),
		cmocka_unit_test_setup_teardown(a_connection_with_a_device_token_may_not_ask_for_one, open_scene, scene_teardown),
	};
	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
