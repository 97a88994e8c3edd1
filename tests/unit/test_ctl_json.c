/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl --json: what it prints parses, and says what it says to people. argv[1] is the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "plugin/auth/jwt.h"
#include "storage/store.h"

static const char *program;
static char directory[] = "/tmp/hc-ctl-json-XXXXXX";
static char uri[64]; /* of the store of this test */
static struct buf output; /* of the last run, standard output alone */

/* Runs `hyperchatctl <arguments>`; what it says on stderr goes into the file "said". Returns the exit code. */
static int run(const char *arguments, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *arguments, ...)
{
	char text[512], command[1024], chunk[4096];
	va_list args;
	va_start(args, arguments);
	vsnprintf(text, sizeof text, arguments, args);
	va_end(args);
	snprintf(command, sizeof command, "%s %s 2> %s/said", program, text, directory);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	buf_clear(&output);
	buf_add_text(&output, "");
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
		buf_add(&output, chunk, got);
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static size_t count_said(void)
{
	char file[64], text[512];
	snprintf(file, sizeof file, "%s/said", directory);
	FILE *said = fopen(file, "r");
	assert_non_null(said);
	size_t got = fread(text, 1, sizeof text, said);
	fclose(said);
	return got;
}

/* A line of the output, which is an object. NULL behind the last one. */
static json_t *next_line(const char **at)
{
	struct error err;
	const char *line = *at, *end = strchr(line, '\n');
	if (*line == '\0')
		return NULL;
	assert_non_null(end);
	json_t *object = json_read_object(line, (size_t)(end - line), &err);
	if (object == NULL)
		fail_msg("%s: %s", err.text, line);
	*at = end + 1;
	return object;
}

/* The only one. */
static json_t *the_object(void)
{
	const char *at = output.data;
	json_t *object = next_line(&at);
	assert_non_null(object);
	assert_string_equal(at, "");
	assert_int_equal(count_said(), 0);
	return object;
}

static void assert_text(const json_t *object, const char *name, const char *expected)
{
	assert_non_null(json_text(object, name, NULL));
	assert_string_equal(json_text(object, name, NULL), expected);
}

static int64_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", directory);
	buf_fini(&output);
	return system(command);
}

/* With a room of 2 transactions. */
static int make_store(void **state)
{
	(void)state;
	static int made;
	struct store *empty;
	struct error err;
	snprintf(uri, sizeof uri, "sqlite:%s/store-%d.db", directory, made++);
	if (store_open(uri, &empty, &err) != STORE_OK)
		return -1;
	store_ops(empty)->close(empty);
	return run("room --store %s --id lobby --owner alice --name Lobby", uri);
}

static void keys_are_named_as_in_their_file(void **state)
{
	(void)state;
	char file[64];
	snprintf(file, sizeof file, "%s/keys.json", directory);
	assert_int_equal(run("keys --out %s --alg ES384 --json", file), 0);
	json_t *object = the_object();
	struct error err;
	struct key_set *set = key_set_load(file, KEY_VERIFY, &err);
	assert_non_null(set);
	assert_text(object, "file", file);
	assert_text(object, "alg", "ES384");
	assert_text(object, "kid", set->keys[0].kid);
	key_set_free(set);
	json_decref(object);
}

static void a_token_is_told_with_its_time(void **state)
{
	(void)state;
	struct jwt jwt;
	struct error err;
	size_t len;
	assert_int_equal(run("keys --out %s/signs.json", directory), 0);
	assert_int_equal(run("token --keys %s/signs.json --issuer here --audience chat --user alice --ttl 60 --json", directory), 0);
	json_t *object = the_object();
	const char *token = json_text(object, "token", &len);
	assert_non_null(token);
	assert_true(jwt_read(token, len, &jwt, &err));
	assert_string_equal(jwt.issuer, "here");
	assert_int_equal(number(object, "expiresIn"), number(jwt.claims, "exp") - number(jwt.claims, "iat"));
	jwt_fini(&jwt);
	json_decref(object);
}

static void a_room_is_told_as_it_was_made(void **state)
{
	(void)state;
	assert_int_equal(run("room --store %s --id ops --owner alice --name 'Our \"ops\"' --json", uri), 0);
	json_t *object = the_object();
	assert_text(object, "chatID", "ops");
	assert_text(object, "owner", "alice");
	assert_text(object, "name", "Our \"ops\"");
	assert_text(object, "history", "own");
	json_decref(object);
}

static void a_revocation_says_of_whom_and_when(void **state)
{
	(void)state;
	assert_int_equal(run("revoke --store %s --user alice --device phone --json", uri), 0);
	json_t *object = the_object();
	assert_text(object, "userID", "alice");
	assert_text(object, "device", "phone");
	assert_true(number(object, "revokedAt") > 1700000000000);
	json_decref(object);
	assert_int_equal(run("revoke --store %s --user alice --json", uri), 0);
	object = the_object();
	assert_null(json_object_get(object, "device"));
	json_decref(object);
	assert_int_equal(run("revoke --store %s --user alice", uri), 0);
	assert_string_equal(output.data, "");
}

static void device_keys_are_those_that_people_see(void **state)
{
	(void)state;
	assert_int_equal(run("device-keys list --store %s --json", uri), 0);
	assert_string_equal(output.data, "");
	char kids[2][64];
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(run("device-keys rotate --store %s --json", uri), 0);
		json_t *object = the_object();
		snprintf(kids[i], sizeof kids[i], "%s", json_text(object, "kid", NULL));
		json_decref(object);
	}
	assert_int_equal(run("device-keys list --store %s", uri), 0);
	char *people = mem_text(output.data);
	const char *at = people;
	assert_int_equal(run("device-keys list --store %s --json", uri), 0);
	const char *line = output.data;
	json_t *object;
	for (int i = 0; (object = next_line(&line)) != NULL; i++) {
		const char *kid = json_text(object, "kid", NULL);
		assert_true(i < 2);
		assert_memory_equal(at, kid, strlen(kid));
		at = strchr(at, '\n') + 1;
		assert_int_equal(json_is_true(json_object_get(object, "signs")), i == 0);
		assert_true(number(object, "createdAt") > 1700000000000);
		json_decref(object);
	}
	assert_string_equal(at, "");
	free(people);
	assert_int_equal(run("device-keys drop --store %s --kid=%s --json", uri, kids[0]), 0);
	object = the_object();
	assert_text(object, "kid", kids[0]);
	json_decref(object);
}

static void a_schema_is_told_with_the_one_before(void **state)
{
	(void)state;
	int schema = 0;
	assert_int_equal(run("migrate --store %s", uri), 0);
	assert_int_equal(sscanf(output.data, "schema %d: nothing to do", &schema), 1);
	assert_int_equal(run("migrate --store %s --json", uri), 0);
	json_t *object = the_object();
	assert_int_equal(number(object, "schema"), schema);
	assert_int_equal(number(object, "schemaBefore"), schema);
	json_decref(object);
}

static void a_copy_is_counted_and_known_as_one(void **state)
{
	(void)state;
	assert_int_equal(run("copy --from %s --to %s.copy --json", uri, uri), 0);
	json_t *object = the_object();
	assert_int_equal(number(object, "chats"), 1);
	assert_int_equal(number(object, "transactions"), 2);
	assert_true(json_is_false(json_object_get(object, "wasComplete")));
	assert_true(json_is_false(json_object_get(object, "resumed")));
	assert_int_equal(json_array_size(json_object_get(object, "notMirrored")), 0);
	json_decref(object);
	assert_int_equal(run("copy --from %s --to %s.copy --json", uri, uri), 0);
	object = the_object();
	assert_true(json_is_true(json_object_get(object, "wasComplete")));
	json_decref(object);
}

static void what_fails_says_so_on_stderr_alone(void **state)
{
	(void)state;
	static const char *const wrong[] = {"room --id lobby --owner eve --name Mine", "device-keys drop --kid none", "mirror --writer nobody --kafka x:1"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(run("%s --store %s --json", wrong[i], uri), 1);
		assert_string_equal(output.data, "");
		assert_true(count_said() > 0);
	}
	assert_int_equal(run("revoke --store %s --user a/b --json", uri), 2);
	assert_string_equal(output.data, "");
}

static void a_name_that_is_no_utf_8_is_printed_as_json_even_so(void **state)
{
	(void)state;
	assert_int_equal(run("keys --out %s/a\377b.json --json", directory), 0);
	json_t *object = the_object();
	assert_non_null(strstr(json_text(object, "file", NULL), "/a?b.json"));
	json_decref(object);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_named_as_in_their_file),
		cmocka_unit_test(a_token_is_told_with_its_time),
		cmocka_unit_test_setup(a_room_is_told_as_it_was_made, make_store),
		cmocka_unit_test_setup(a_revocation_says_of_whom_and_when, make_store),
		cmocka_unit_test_setup(device_keys_are_those_that_people_see, make_store),
		cmocka_unit_test_setup(a_schema_is_told_with_the_one_before, make_store),
		cmocka_unit_test_setup(a_copy_is_counted_and_known_as_one, make_store),
		cmocka_unit_test_setup(what_fails_says_so_on_stderr_alone, make_store),
		cmocka_unit_test(a_name_that_is_no_utf_8_is_printed_as_json_even_so),
	};
	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("hyperchatctl --json", tests, make_directory, remove_directory);
}
