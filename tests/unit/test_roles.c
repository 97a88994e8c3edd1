/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * docs/roles.md against what is decided: each cell of its table is tried. */
#include "decide_kit.h"

#include <stdio.h>

static const char *page_path;

enum { OWN = 2, OTHERS = 3, CELL_MAX = 80 };

/* Who acts in a column, and on whom where a row says nothing else. */
struct column {
	const char *title, *actor, *other;
	bool pair;
};

static const struct column columns[] = {
	{"owner", "olga", "bob", false},
	{"admin", "adam", "bob", false},
	{"member", "alice", "bob", false},
	{"in a 1:1 chat", "alice", "bob", true},
	{"who is no member", "carol", "bob", false},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

static struct command *sends(const struct column *column)
{
	return send_command(column->actor, "k", "hi");
}

static struct command *edits_own(const struct column *column)
{
	return edit_command(column->actor, "k", OWN, "x");
}

static struct command *edits_others(const struct column *column)
{
	return edit_command(column->actor, "k", OTHERS, "x");
}

static struct command *deletes_own(const struct column *column)
{
	return delete_command(column->actor, "k", OWN);
}

static struct command *deletes_others(const struct column *column)
{
	return delete_command(column->actor, "k", OTHERS);
}

static struct command *adds(const struct column *column)
{
	return group_command(COMMAND_ADD, column->actor, "k", "dave");
}

static struct command *removes_member(const struct column *column)
{
	return group_command(COMMAND_REMOVE, column->actor, "k", column->other);
}

static struct command *removes_admin(const struct column *column)
{
	return group_command(COMMAND_REMOVE, column->actor, "k", column->pair ? column->other : "ada");
}

static struct command *removes_owner(const struct column *column)
{
	return group_command(COMMAND_REMOVE, column->actor, "k", column->pair ? column->other : "otto");
}

static struct command *leaves(const struct column *column)
{
	return group_command(COMMAND_REMOVE, column->actor, "k", column->actor);
}

static struct command *sets_role(const struct column *column)
{
	return role_command(column->actor, "k", column->other, ROLE_ADMIN);
}

static struct command *updates(const struct column *column)
{
	return name_command(COMMAND_UPDATE_GROUP, column->actor, "k", "name");
}

static struct command *ends(const struct column *column)
{
	return group_command(COMMAND_END_GROUP, column->actor, "k", NULL);
}

static struct command *closes_account(const struct column *column)
{
	return group_command(COMMAND_CLOSE_ACCOUNT, column->actor, "k", NULL);
}

static const struct row {
	const char *operation;
	struct command *(*make)(const struct column *column);
} rows[] = {
	{"send, reply", sends},
	{"edit his own message", edits_own},
	{"edit somebody else's message", edits_others},
	{"delete his own message", deletes_own},
	{"delete somebody else's message", deletes_others},
	{"addUserToGroup", adds},
	{"removeUser: a member", removes_member},
	{"removeUser: an admin", removes_admin},
	{"removeUser: an owner", removes_owner},
	{"leaveGroup", leaves},
	{"setRole", sets_role},
	{"updateGroupInfo", updates},
	{"deleteGroup", ends},
	{"deleteAccount, which leaves every chat", closes_account},
};

enum { ROWS = sizeof rows / sizeof *rows };

/* A chat with two of each role, in which OWN was written by the actor and OTHERS by the other one. */
static struct scene *scene_of(const struct column *column)
{
	struct scene *scene = scene_new(column->pair ? alice_and_bob() : chat_new("chat"));
	if (!column->pair)
		log_add(scene->chat, TX_MEMBER_ADDED, "olga", NULL,
			"{\"members\":[{\"userID\":\"olga\",\"role\":\"owner\"},{\"userID\":\"otto\",\"role\":\"owner\"},"
			"{\"userID\":\"adam\",\"role\":\"admin\"},{\"userID\":\"ada\",\"role\":\"admin\"},"
			"{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}");
	log_message(scene->chat, column->actor, NULL, "own");
	log_message(scene->chat, column->other, NULL, "others'");
	return scene;
}

static bool is_allowed(const struct row *row, const struct column *column)
{
	struct scene *scene = scene_of(column);
	struct command *command = reaching(row->make(column));
	command->key_unused = true;
	enum decision decision = decide(scene, command);
	if (decision == DECISION_REFUSED)
		assert_int_equal(scene->verdict.code, REFUSAL_FORBIDDEN);
	else
		assert_true(decision == DECISION_ACCEPTED || decision == DECISION_REPEATED);
	if (decision != DECISION_ACCEPTED)
		command_free(command);
	scene_free(scene);
	return decision != DECISION_REFUSED;
}

/* ---- the page ---- */

/* The next cell of a line of the table; false: there is none. */
static bool next_cell(const char **at, char cell[CELL_MAX])
{
	const char *end = **at == '|' ? strchr(*at + 1, '|') : NULL;
	if (end == NULL)
		return false;
	const char *start = *at + 1;
	*at = end;
	while (*start == ' ')
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	assert_true(end - start < CELL_MAX);
	memcpy(cell, start, (size_t)(end - start));
	cell[end - start] = '\0';
	return true;
}

static const struct row *find_row(const char *operation)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].operation, operation) == 0)
			return &rows[i];
	fail_msg("the page speaks of an operation that is not tried: %s", operation);
	return NULL;
}

static void try_row(const char *line)
{
	char cell[CELL_MAX];
	assert_true(next_cell(&line, cell));
	const struct row *row = find_row(cell);
	for (size_t i = 0; i < COLUMNS; i++) {
		assert_true(next_cell(&line, cell));
		bool yes = strcmp(cell, "yes") == 0;
		assert_true(yes || strcmp(cell, "no") == 0);
		if (is_allowed(row, &columns[i]) != yes)
			fail_msg("%s, %s: the page says \"%s\"", row->operation, columns[i].title, cell);
	}
}

static void expect_titles(const char *line)
{
	char cell[CELL_MAX];
	assert_true(next_cell(&line, cell));
	for (size_t i = 0; i < COLUMNS; i++) {
		assert_true(next_cell(&line, cell));
		assert_string_equal(cell, columns[i].title);
	}
}

static void test_the_page_says_what_is_decided(void **state)
{
	(void)state;
	char line[400];
	size_t tried = 0;
	FILE *page = fopen(page_path, "r");
	assert_non_null(page);
	while (fgets(line, sizeof line, page) != NULL) {
		if (strncmp(line, "| operation", 11) == 0) {
			expect_titles(line);
		} else if (line[0] == '|' && strncmp(line, "|--", 3) != 0) {
			try_row(line);
			tried++;
		}
	}
	fclose(page);
	assert_int_equal(tried, ROWS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_page_says_what_is_decided)};
	if (argc != 2)
		return 2;
	page_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
