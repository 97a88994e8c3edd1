/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What there was of people is in no file when they have gone: the file and its WAL are searched as bytes, after the next checkpoint that
 * returned OK. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/contract/place.h"

struct scene {
	struct place *place;
	struct store *store;
};

static int scene_setup(void **state)
{
	struct scene *scene = mem_zero(sizeof *scene);
	void *place = NULL;
	if (place_setup(&place) != 0)
		return -1;
	scene->place = place;
	scene->store = open_at(scene->place->uri);
	*state = scene;
	return 0;
}

static int scene_teardown(void **state)
{
	struct scene *scene = *state;
	void *place = scene->place;
	close_store(scene->store);
	free(scene);
	return place_teardown(&place);
}

#define SCENE_STORY(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
#define ON_SCENE(op, ...)     ON(scene->store, op, __VA_ARGS__)

/* ---- looking ---- */

struct blob {
	unsigned char *bytes;
	size_t len;
};

static struct blob read_file(const char *path)
{
	struct stat status;
	struct blob blob = {0};
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return blob;
	assert_int_equal(fstat(fd, &status), 0);
	blob.len = (size_t)status.st_size;
	blob.bytes = mem_new(blob.len + 1);
	assert_int_equal(read(fd, blob.bytes, blob.len), blob.len);
	close(fd);
	return blob;
}

static bool is_in_file(const char *path, const char *text)
{
	struct blob blob = read_file(path);
	bool found = blob.len > 0 && memmem(blob.bytes, blob.len, text, strlen(text)) != NULL;
	free(blob.bytes);
	return found;
}

static bool is_somewhere(const struct scene *scene, const char *text)
{
	return is_in_file(scene->place->path, text) || is_in_file(scene->place->wal, text);
}

/* ---- words ---- */

static void put_profile(struct scene *scene, const char *user_id, const char *name, const char *status)
{
	struct profile_change change = {name, "hash-of-the-icon", status, "Zone/Gone", -1, -1};
	assert_int_equal(ON_SCENE(put_profile, user_id, &change, NULL), STORE_OK);
}

static const char *const traces[] = {"NameGone", "StatusGone", "Zone/Gone", "SharedGone", "IconBytesGone", "hash-of-the-icon", "OldNameGone",
	"PhoneGone", "PushTokenGone", "PushOverflowGone", "OldPushTokenGone"};

/* As long as may be, so that its end stands elsewhere than its row. */
static void put_push_token(struct scene *scene, const char *user_id, const char *device, const char *begin, const char *end)
{
	char token[PUSH_TOKEN_MAX + 1];
	memset(token, 't', PUSH_TOKEN_MAX);
	token[PUSH_TOKEN_MAX] = '\0';
	memcpy(token, begin, strlen(begin));
	memcpy(token + PUSH_TOKEN_MAX - strlen(end), end, strlen(end));
	assert_int_equal(ON_SCENE(put_registration, user_id, device, "apns", token, START_MS, NULL), STORE_OK);
}

/* With an icon that fills several pages, so that its bytes stand elsewhere than its row. */
static void settle_in(struct scene *scene)
{
	static char icon[20000];
	memset(icon, 'i', sizeof icon);
	memcpy(icon + sizeof icon - 20, "IconBytesGone", 13);
	assert_int_equal(ON_SCENE(put_user, "alice", START_MS, NULL), STORE_OK);
	put_profile(scene, "alice", "OldNameGone", "at first");
	put_profile(scene, "alice", "NameGone", "StatusGone");
	assert_int_equal(ON_SCENE(put_icon, "hash-of-the-icon", icon, sizeof icon, NULL), STORE_OK);
	assert_int_equal(ON_SCENE(put_shared_id, "alice", "SharedGone", NULL), STORE_OK);
	assert_int_equal(ON_SCENE(put_device, "alice", "PhoneGone", START_MS, "inbox", 0, NULL), STORE_OK);
	put_push_token(scene, "alice", "PhoneGone", "OldPushTokenGone", "OldPushTokenGone");
	put_push_token(scene, "alice", "PhoneGone", "PushTokenGone", "PushOverflowGone");
}

static void assert_traces(const struct scene *scene, bool expected)
{
	for (size_t i = 0; i < sizeof traces / sizeof *traces; i++)
		if (is_somewhere(scene, traces[i]) != expected)
			fail_msg("\"%s\" is %s", traces[i], expected ? "nowhere" : "still there");
}

/* ---- stories ---- */

static void nothing_of_a_deleted_account_is_left_in_a_file(void **state)
{
	struct scene *scene = *state;
	settle_in(scene);
	assert_traces(scene, true);
	assert_int_equal(ON_SCENE(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_traces(scene, true); /* in the WAL still; else the last line says nothing */
	assert_int_equal(ON_SCENE(checkpoint, NULL), STORE_OK);
	assert_traces(scene, false);
}

static void what_was_in_the_file_before_goes_too(void **state)
{
	struct scene *scene = *state;
	settle_in(scene);
	close_store(scene->store);
	scene->store = open_at(scene->place->uri);
	assert_true(is_in_file(scene->place->path, "NameGone"));
	assert_int_equal(ON_SCENE(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_SCENE(checkpoint, NULL), STORE_OK);
	assert_traces(scene, false);
}

static void a_reader_that_stays_makes_the_checkpoint_say_so_until_it_has_gone(void **state)
{
	struct scene *scene = *state;
	struct error err = {0};
	sqlite3 *reader = NULL;
	settle_in(scene);
	assert_int_equal(sqlite3_open(scene->place->path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM profile", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(ON_SCENE(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	int64_t begin = clock_mono_ms();
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_SCENE(checkpoint, &err), STORE_UNAVAILABLE);
	assert_true(clock_mono_ms() - begin < 2000);
	assert_int_not_equal(strlen(err.text), 0);
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(reader);
	assert_int_equal(ON_SCENE(checkpoint, NULL), STORE_OK);
	assert_traces(scene, false);
}

static void nothing_of_a_removed_devices_push_token_is_left_in_a_file(void **state)
{
	struct scene *scene = *state;
	settle_in(scene);
	assert_int_equal(ON_SCENE(remove_device, "alice", "PhoneGone", NULL), STORE_OK);
	assert_true(is_somewhere(scene, "PushTokenGone"));
	assert_int_equal(ON_SCENE(checkpoint, NULL), STORE_OK);
	assert_false(is_somewhere(scene, "PushTokenGone"));
	assert_false(is_somewhere(scene, "PushOverflowGone"));
	assert_true(is_somewhere(scene, "StatusGone"));
}

static void delete_and_die(const char *uri)
{
	struct store *store = open_at(uri);
	if (ON(store, delete_user, "alice", START_MS + 5, NULL) == STORE_OK)
		_exit(0); /* without closing: the WAL stays */
	_exit(1);
}

static void what_was_erased_before_a_crash_is_gone_when_the_store_is_open_again(void **state)
{
	struct scene *scene = *state;
	int status;
	settle_in(scene);
	close_store(scene->store);
	pid_t child = fork();
	if (child == 0)
		delete_and_die(scene->place->uri);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(is_in_file(scene->place->path, "NameGone")); /* it was not checkpointed */
	scene->store = open_at(scene->place->uri);
	assert_traces(scene, false);
}

/* Many who come, change and go, so that pages are split and joined. Of each text that was replaced or deleted no copy is left. */
enum { CROWD = 400, CROWD_STEPS = 4000 };

static void crowd_text(char text[40], unsigned step)
{
	snprintf(text, 40, "<%08u>%.*s", step, (int)(step * 7 % 25), "........................");
}

static void in_a_crowd_no_copies_are_left_where_rows_were_moved(void **state)
{
	struct scene *scene = *state;
	static unsigned latest[CROWD]; /* the step whose text he has; 0: he does not exist */
	char user_id[16], text[40];
	unsigned seed = (unsigned)clock_mono_us(), left = 0;
	print_message("seed %u\n", seed);
	for (unsigned step = 1; step <= CROWD_STEPS; step++) {
		unsigned who = (unsigned)rand_r(&seed) % CROWD;
		snprintf(user_id, sizeof user_id, "user%u", who);
		if (latest[who] != 0 && rand_r(&seed) % 5 == 0) {
			assert_int_equal(ON_SCENE(delete_user, user_id, START_MS + step, NULL), STORE_OK);
			latest[who] = 0;
			continue;
		}
		crowd_text(text, step);
		assert_int_equal(ON_SCENE(put_user, user_id, START_MS + step, NULL), STORE_OK);
		put_profile(scene, user_id, text, text);
		assert_int_equal(ON_SCENE(put_shared_id, user_id, text, NULL), STORE_OK);
		assert_int_equal(ON_SCENE(put_registration, user_id, "phone", "apns", text, START_MS, NULL), STORE_OK);
		latest[who] = step;
	}
	assert_int_equal(ON_SCENE(put_user, "user0", START_MS, NULL), STORE_OK);
	assert_int_equal(ON_SCENE(delete_user, "user0", START_MS + CROWD_STEPS + 1, NULL), STORE_OK); /* so that the WAL is emptied */
	latest[0] = 0;
	assert_int_equal(ON_SCENE(checkpoint, NULL), STORE_OK);
	struct blob file = read_file(scene->place->path);
	for (unsigned step = 1; step <= CROWD_STEPS; step++) {
		bool lives = false;
		for (unsigned who = 0; who < CROWD; who++)
			lives = lives || latest[who] == step;
		snprintf(text, sizeof text, "<%08u>", step);
		bool found = memmem(file.bytes, file.len, text, strlen(text)) != NULL;
		assert_true(found || !lives);
		left += found && !lives;
	}
	free(file.bytes);
	assert_int_equal(left, 0);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		SCENE_STORY(nothing_of_a_deleted_account_is_left_in_a_file),
		SCENE_STORY(what_was_in_the_file_before_goes_too),
		SCENE_STORY(nothing_of_a_removed_devices_push_token_is_left_in_a_file),
		SCENE_STORY(a_reader_that_stays_makes_the_checkpoint_say_so_until_it_has_gone),
		SCENE_STORY(what_was_erased_before_a_crash_is_gone_when_the_store_is_open_again),
		SCENE_STORY(in_a_crowd_no_copies_are_left_where_rows_were_moved),
	};
	return cmocka_run_group_tests_name("sqlite, erased", stories, NULL, NULL);
}
