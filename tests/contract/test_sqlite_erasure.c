/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What erasure promises: after the next checkpoint that returned OK, no file of the store has an erased text, its salt, or the hash that
 * was made of it. Looked up byte by byte in the files. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/contract/place.h"

/* ---- secrets: texts that can be found again ---- */

enum { SECRETS_MAX = 6000, MARK_LEN = 12 };

struct secret {
	bool erased; /* it must not be found; otherwise it must */
	bool found;
	uint64_t number;
};

/* 16 bytes that must not be found any more. */
struct blob {
	unsigned char bytes[ID_BYTES];
};

static struct secret secrets[SECRETS_MAX];
static struct blob blobs[3 * SECRETS_MAX];
static size_t secret_count, blob_count;

static int forget_secrets(void **state)
{
	secret_count = blob_count = 0;
	memset(secrets, 0, sizeof secrets);
	return place_setup(state);
}

#define SECRET_STORY(function) cmocka_unit_test_setup_teardown(function, forget_secrets, place_teardown)

/* A text of that length with a mark at its beginning, its middle and its end, so that no part of it may stay. */
static char *secret_text(size_t len, size_t *id)
{
	char mark[MARK_LEN + 1];
	assert_true(secret_count < SECRETS_MAX);
	*id = secret_count++;
	snprintf(mark, sizeof mark, "{{S%07zu}}", *id);
	char *text = mem_new(len + 1);
	memset(text, 'x', len);
	text[len] = '\0';
	memcpy(text, mark, MARK_LEN);
	memcpy(text + len / 2 - MARK_LEN / 2, mark, MARK_LEN);
	memcpy(text + len - MARK_LEN, mark, MARK_LEN);
	return text;
}

static void blob_gone(const unsigned char bytes[ID_BYTES])
{
	assert_true(blob_count < sizeof blobs / sizeof *blobs);
	memcpy(blobs[blob_count++].bytes, bytes, ID_BYTES);
}

static int compare_blobs(const void *a, const void *b)
{
	return memcmp(a, b, ID_BYTES);
}

static void look_for_marks(const char *bytes, size_t len)
{
	for (size_t i = 0; i + MARK_LEN <= len; i++) {
		unsigned id;
		bool mark = memcmp(bytes + i, "{{S", 3) == 0 && memcmp(bytes + i + 10, "}}", 2) == 0;
		if (mark && sscanf(bytes + i + 3, "%7u", &id) == 1 && id < secret_count)
			secrets[id].found = true;
	}
}

static size_t look_for_blobs(const char *bytes, size_t len)
{
	static bool begins[256 * 256];
	size_t found = 0;
	memset(begins, 0, sizeof begins);
	qsort(blobs, blob_count, sizeof *blobs, compare_blobs);
	for (size_t i = 0; i < blob_count; i++)
		begins[blobs[i].bytes[0] << 8 | blobs[i].bytes[1]] = true;
	for (size_t i = 0; i + ID_BYTES <= len; i++) {
		const unsigned char *at = (const unsigned char *)bytes + i;
		found += begins[at[0] << 8 | at[1]] && bsearch(at, blobs, blob_count, sizeof *blobs, compare_blobs) != NULL;
	}
	return found;
}

/* Notes which marks are there; returns how many blobs. */
static size_t look_into(const char *path)
{
	off_t size = size_of(path);
	if (size <= 0)
		return 0;
	char *bytes = mem_new((size_t)size + 1);
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, bytes, (size_t)size), size);
	close(fd);
	bytes[size] = '\0';
	look_for_marks(bytes, (size_t)size);
	size_t found = look_for_blobs(bytes, (size_t)size);
	free(bytes);
	return found;
}

static size_t count_found_although_erased(const struct place *place)
{
	for (size_t i = 0; i < secret_count; i++)
		secrets[i].found = false;
	size_t count = look_into(place->path) + look_into(place->wal);
	for (size_t i = 0; i < secret_count; i++)
		count += secrets[i].found && secrets[i].erased;
	return count;
}

/* What is not erased is found, so that one knows that the search finds. */
static void assert_files_have_only_what_is_not_erased(const struct place *place)
{
	assert_int_equal(count_found_although_erased(place), 0);
	for (size_t i = 0; i < secret_count; i++)
		assert_true(secrets[i].found != secrets[i].erased);
}

/* ---- a conversation of secrets ---- */

static size_t random_len(unsigned *seed)
{
	static const size_t lens[] = {40, 60, 100, 300, 900, 3000, 5000, 20000};
	return lens[(unsigned)rand_r(seed) % 8] + (unsigned)rand_r(seed) % 30;
}

static size_t add_secret(struct store *store, struct transaction *tx, size_t id)
{
	secrets[id].number = tx->number;
	assert_appended(store, tx);
	return id;
}

static size_t say_secret(struct store *store, struct line *line, const char *sender_id, unsigned *seed)
{
	size_t id;
	char *text = secret_text(random_len(seed), &id), key[16];
	snprintf(key, sizeof key, "k%zu", id);
	add_secret(store, line_says_as(line, sender_id, key, text), id);
	free(text);
	return id;
}

static size_t edit_secret(struct store *store, struct line *line, size_t target, unsigned *seed)
{
	size_t id;
	char *text = secret_text(random_len(seed), &id);
	add_secret(store, line_edits(line, "alice", secrets[target].number, text), id);
	free(text);
	return id;
}

static size_t quote_secret(struct store *store, struct line *line, size_t target)
{
	size_t id;
	char *text = secret_text(60, &id);
	add_secret(store, line_replies(line, "bob", secrets[target].number, "an answer", text), id);
	free(text);
	return id;
}

/* The salt and the key's hash of what is about to be erased. */
static void note_blobs(struct store *store, const char *chat_id, uint64_t number)
{
	struct transaction *tx = read_one(store, chat_id, number);
	static const unsigned char nothing[ID_BYTES];
	blob_gone(tx->quote.present ? tx->quote.salt : tx->body.salt);
	if (!tx->quote.present && memcmp(tx->key_hash, nothing, ID_BYTES) != 0)
		blob_gone(tx->key_hash);
	transaction_free(tx);
}

static void note_erased(struct store *store, const char *chat_id, size_t id)
{
	note_blobs(store, chat_id, secrets[id].number);
	secrets[id].erased = true;
}

static void checkpoint(struct store *store)
{
	assert_int_equal(ON(store, checkpoint, NULL), STORE_OK);
}

/* ---- the stories ---- */

/* Messages of all sizes, edited and quoted, deleted in any order while others come and checkpoints run. */
static void deleted_messages_are_in_no_file_after_the_next_checkpoint(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	unsigned seed = (unsigned)clock_mono_us();
	print_message("seed %u\n", seed);
	enum { MESSAGES = 300 };
	static size_t ids[MESSAGES][3];
	for (size_t i = 0; i < MESSAGES; i++) {
		ids[i][0] = say_secret(store, &line, "alice", &seed);
		ids[i][1] = edit_secret(store, &line, ids[i][0], &seed);
		ids[i][2] = quote_secret(store, &line, ids[i][0]);
	}
	checkpoint(store);
	assert_files_have_only_what_is_not_erased(place);
	for (size_t done = 0; done < MESSAGES * 5 / 6; done++) {
		size_t i = (unsigned)rand_r(&seed) % MESSAGES;
		while (secrets[ids[i][0]].erased)
			i = (i + 1) % MESSAGES;
		for (size_t j = 0; j < 3; j++)
			note_erased(store, "c", ids[i][j]);
		assert_appended(store, line_deletes(&line, "alice", secrets[ids[i][0]].number));
		if (rand_r(&seed) % 4 == 0)
			say_secret(store, &line, "alice", &seed);
		if (rand_r(&seed) % 50 == 0)
			checkpoint(store);
	}
	checkpoint(store);
	assert_int_equal(size_of(place->wal), 0);
	assert_files_have_only_what_is_not_erased(place);
	assert_int_equal(assert_sound(store, "c"), line.latest);
	assert_int_equal(ON(store, verify, NULL), STORE_OK);
	close_store(store);
	assert_files_have_only_what_is_not_erased(place);
}

static void erase_all(struct store *store, const char *chat_id, const char *sender_id)
{
	bool more = true;
	for (int i = 0; more && i < 1000; i++)
		assert_int_equal(ON(store, erase, chat_id, sender_id, &more, NULL), STORE_OK);
	assert_false(more);
}

static void what_an_erased_sender_wrote_is_in_no_file(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	unsigned seed = 1;
	for (int i = 0; i < 300; i++) {
		size_t message = say_secret(store, &line, "alice", &seed);
		size_t quote = quote_secret(store, &line, message);
		note_erased(store, "c", message);
		note_erased(store, "c", quote);
		say_secret(store, &line, "bob", &seed);
	}
	erase_all(store, "c", "alice");
	checkpoint(store);
	assert_files_have_only_what_is_not_erased(place);
	assert_int_equal(assert_sound(store, "c"), line.latest);
	close_store(store);
}

static void name_secretly(struct store *store, struct line *line)
{
	size_t id;
	char body[200], *text = secret_text(40 + secret_count % 50, &id);
	snprintf(body, sizeof body, "{\"name\":\"%s\"}", text);
	add_secret(store, line_updates_group(line, body), id);
	free(text);
}

static void a_group_that_is_erased_leaves_no_text_and_no_name(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line gone = line_new("gone"), stays = line_new("stays");
	unsigned seed = 1;
	for (int i = 0; i < 100; i++) {
		size_t first = secret_count;
		name_secretly(store, &gone);
		say_secret(store, &gone, "alice", &seed);
		for (; first < secret_count; first++)
			note_erased(store, "gone", first);
		name_secretly(store, &stays);
		say_secret(store, &stays, "alice", &seed);
	}
	assert_appended(store, line_ends_group(&gone));
	erase_all(store, "gone", NULL);
	checkpoint(store);
	assert_files_have_only_what_is_not_erased(place);
	assert_int_equal(assert_sound(store, "gone"), gone.latest);
	close_store(store);
}

/* Its snapshot needs what was before; so the checkpoint says that it is not done, and holds up nobody. */
static void while_somebody_reads_what_was_before_the_checkpoint_says_so(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	unsigned seed = 1;
	size_t id = say_secret(store, &line, "alice", &seed);
	note_erased(store, "c", id);
	sqlite3 *reader = NULL;
	assert_int_equal(sqlite3_open(place->path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM log", NULL, NULL, NULL), SQLITE_OK);
	assert_appended(store, line_deletes(&line, "alice", 1));
	int64_t begin = clock_mono_ms();
	assert_int_equal(ON(store, checkpoint, NULL), STORE_UNAVAILABLE);
	assert_int_equal(ON(store, checkpoint, NULL), STORE_UNAVAILABLE);
	assert_true(clock_mono_ms() - begin < 2000);
	assert_appended(store, line_says(&line, "alice", "meanwhile"));
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(reader);
	checkpoint(store);
	assert_files_have_only_what_is_not_erased(place);
	close_store(store);
}

/* Nobody was left to remember that something had been erased. */
static void an_erasure_before_a_crash_is_finished_after_it(void **state)
{
	struct place *place = *state;
	pid_t child = fork();
	if (child == 0) {
		struct store *store = open_at(place->uri);
		struct line line = line_new("c");
		unsigned seed = 1;
		say_secret(store, &line, "alice", &seed);
		say_secret(store, &line, "alice", &seed);
		assert_appended(store, line_deletes(&line, "alice", 1));
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	secret_count = 2;
	secrets[0].erased = true;
	assert_int_equal(count_found_although_erased(place), 1);
	struct store *store = open_at(place->uri);
	assert_int_equal(assert_sound(store, "c"), 3);
	checkpoint(store);
	assert_files_have_only_what_is_not_erased(place);
	close_store(store);
}

/* As many as fill some pages, each third of them erased while others are made. */
static void a_key_is_in_no_file_once_its_chat_is_erased(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	char chat_id[16];
	unsigned char key[CHAT_KEY_BYTES];
	for (int i = 0; i < 600; i++) {
		snprintf(chat_id, sizeof chat_id, "chat%d", i);
		struct line line = line_new(chat_id);
		assert_appended(store, line_says(&line, "alice", "hi"));
		assert_int_equal(ON(store, load_chat_key, chat_id, true, key, NULL), STORE_OK);
		if (i % 3 == 0) {
			blob_gone(key);
			blob_gone(key + ID_BYTES);
		}
	}
	assert_true(count_found_although_erased(place) >= blob_count); /* each at least once; the log before the file has more */
	for (int i = 0; i < 600; i += 3) {
		bool more = true;
		snprintf(chat_id, sizeof chat_id, "chat%d", i);
		while (more)
			assert_int_equal(ON(store, erase, chat_id, NULL, &more, NULL), STORE_OK);
	}
	checkpoint(store);
	assert_int_equal(count_found_although_erased(place), 0);
	assert_int_equal(ON(store, load_chat_key, "chat598", false, key, NULL), STORE_OK);
	close_store(store);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		SECRET_STORY(deleted_messages_are_in_no_file_after_the_next_checkpoint),
		SECRET_STORY(what_an_erased_sender_wrote_is_in_no_file),
		SECRET_STORY(a_group_that_is_erased_leaves_no_text_and_no_name),
		SECRET_STORY(while_somebody_reads_what_was_before_the_checkpoint_says_so),
		SECRET_STORY(an_erasure_before_a_crash_is_finished_after_it),
		SECRET_STORY(a_key_is_in_no_file_once_its_chat_is_erased),
	};
	return cmocka_run_group_tests_name("erasure in files", stories, NULL, NULL);
}
