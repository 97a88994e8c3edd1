/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * plugin/broker/hostconf: which files are a broker's configuration, and what comes of those that cannot be read. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/unit/hostconf_kit.h"

/* ---- include_dir ---- */

static void included_files_are_read_in_mosquittos_order(void **state)
{
	struct scene *scene = *state;
	assert_int_equal(mkdir(path_of(scene, "conf.d"), 0700), 0);
	write_file(scene, "conf.d/B.conf", "max_queued_messages 5\n");
	write_file(scene, "conf.d/a.conf", "max_queued_messages 4\n");
	write_file(scene, "conf.d/c.conf", "max_queued_messages 6\n");
	write_file(scene, "conf.d/d.txt", "max_queued_messages 7\n");
	write_file(scene, "conf.d/.conf", "max_queued_messages 8\n");
	check(scene, V2_1, "include_dir @/conf.d\n");
	WARNED(scene, "max_queued_messages is 6:");
	check(scene, V2_1, "include_dir @/conf.d\nmax_queued_messages 3\n");
	WARNED(scene, "max_queued_messages is 3:");
	assert_int_equal(unlink(path_of(scene, "conf.d/c.conf")), 0);
	check(scene, V2_1, "include_dir @/conf.d\n");
	WARNED(scene, "max_queued_messages is 5:");
}

static void names_that_differ_in_case_only_go_by_the_byte(void **state)
{
	struct scene *scene = *state;
	assert_int_equal(mkdir(path_of(scene, "conf.d"), 0700), 0);
	write_file(scene, "conf.d/a.conf", "max_queued_messages 4\n");
	write_file(scene, "conf.d/A.conf", "max_queued_messages 5\n");
	check(scene, V2_1, "include_dir @/conf.d\n");
	WARNED(scene, "max_queued_messages is 4:");
}

static void an_included_file_has_listeners_and_bridges_of_its_own(void **state)
{
	struct scene *scene = *state;
	assert_int_equal(mkdir(path_of(scene, "conf.d"), 0700), 0);
	write_file(scene, "conf.d/a.conf", "listener 1\nuse_identity_as_username false\nlistener 2\n");
	check(scene, V2_0, GOOD "listener 8883\ninclude_dir @/conf.d\nuse_identity_as_username true\n");
	WARNED(scene, "listener \"8883\"");
}

static void an_include_dir_that_includes_itself_ends(void **state)
{
	struct scene *scene = *state;
	write_file(scene, "again.conf", "include_dir @\nqueue_qos0_messages true\n");
	check(scene, V2_0, GOOD "include_dir @\n");
	WARNED(scene, "queue_qos0_messages");
}

static void thousands_of_include_dirs_end_soon(void **state)
{
	struct scene *scene = *state;
	struct buf text = BUF_EMPTY;
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "include_dir %s\n", scene->dir);
	write_bytes(scene, "main.conf", text.data, text.len);
	buf_fini(&text);
	check_written(scene, V2_1);
	WARNED(scene, "could not be read again");
}

/* ---- what cannot be read ---- */

static void without_a_file_nothing_is_known_and_one_note_says_so(void **state)
{
	check_command(*state, V2_0, "mosquitto\0-v\0-p\0001883", sizeof "mosquitto\0-v\0-p\0001883");
	WARNED(*state, "no -c FILE");
	check_command(*state, V2_0, NULL, 0);
	WARNED(*state, "no -c FILE");
	check_command(*state, V2_0, "mosquitto\0-c", sizeof "mosquitto\0-c");
	WARNED(*state, "no -c FILE");
	check_command(*state, V2_0, "mosquitto\0-c\0unterminated", sizeof "mosquitto\0-c\0unterminated" - 1);
	WARNED(*state, "no -c FILE");
}

static void a_missing_file_is_one_note(void **state)
{
	check_written(*state, V2_0);
	WARNED(*state, "No such file");
}

static void defaults_are_not_judged_when_an_included_file_is_closed(void **state)
{
	check(*state, V2_0, "include_dir @/none\n");
	WARNED(*state, "/none\"");
	check(*state, V2_0, "per_listener_settings true\ninclude_dir @/none\n");
	assert_int_equal(((struct scene *)*state)->count, 2);
}

static void pipes_and_directories_are_refused_without_waiting(void **state)
{
	struct scene *scene = *state;
	assert_int_equal(mkfifo(path_of(scene, "main.conf"), 0600), 0);
	check_written(scene, V2_0);
	WARNED(scene, "could not be read");
	check_command(scene, V2_0, "mosquitto\0-c\0/dev/zero", sizeof "mosquitto\0-c\0/dev/zero");
	WARNED(scene, "/dev/zero");
	check_command(scene, V2_0, "mosquitto\0-c\0/tmp", sizeof "mosquitto\0-c\0/tmp");
	WARNED(scene, "directory");
}

static void a_file_beyond_all_measure_is_refused(void **state)
{
	write_file(*state, "main.conf", "per_listener_settings true\n");
	assert_int_equal(truncate(path_of(*state, "main.conf"), HOSTCONF_BYTES_MAX + 1), 0);
	check_written(*state, V2_0);
	WARNED(*state, "too large");
}

static void a_huge_line_hides_nothing_behind_it(void **state)
{
	static const char tail[] = "\nper_listener_settings true\n" GOOD;
	enum { HUGE_LEN = 3 << 20 };
	struct buf text = BUF_EMPTY;
	buf_add_text(&text, "connection b\ntopic ");
	buf_reserve(&text, HUGE_LEN);
	memset(text.data + text.len, 'a', HUGE_LEN);
	text.len += HUGE_LEN;
	buf_add_text(&text, tail);
	write_bytes(*state, "main.conf", text.data, text.len);
	buf_fini(&text);
	check_written(*state, V2_0);
	FATAL(*state, "per_listener_settings");
}

static void binary_files_do_no_harm(void **state)
{
	unsigned char noise[65536];
	uint32_t x = 1;
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
	write_bytes(*state, "main.conf", noise, sizeof noise);
	check_written(*state, V2_0);
	static const char nul[] = "\0\0\n\0mount_point a/\nmount\0_point\nqueue_qos0_messages true\0false\n" GOOD;
	write_bytes(*state, "main.conf", nul, sizeof nul - 1);
	check_written(*state, V2_0);
	WARNED(*state, "queue_qos0_messages");
}

static void what_the_files_say_is_made_printable(void **state)
{
	check(*state, V2_0, GOOD "connection a\033[2J\x80\"\ntopic #\n");
	struct scene *scene = *state;
	WARNED(scene, "\"a?[2J??\"");
}

/* ---- the command line ---- */

static void expect_file_found(struct scene *scene, const char *words)
{
	write_file(scene, "main.conf", GOOD "per_listener_settings true\n");
	struct buf command_line = BUF_EMPTY;
	for (; *words; words++)
		if (*words == '@')
			buf_printf(&command_line, "%s/main.conf", scene->dir);
		else
			buf_add_char(&command_line, *words == ' ' ? '\0' : *words);
	buf_add_char(&command_line, '\0');
	check_command(scene, V2_0, command_line.data, command_line.len);
	buf_fini(&command_line);
	FATAL(scene, "per_listener_settings");
}

static void the_file_is_found_behind_every_option(void **state)
{
	expect_file_found(*state, "mosquitto -c @");
	expect_file_found(*state, "/usr/sbin/mosquitto -d -p -c --config-file @ -v");
	expect_file_found(*state, "mosquitto --tls-keylog -c -c @");
}

static void the_file_is_found_behind_a_loader(void **state)
{
	expect_file_found(*state, "/b/lib/ld-linux-x86-64.so.2 --library-path /b/lib:/usr/lib --argv0 mosquitto /b/usr/sbin/mosquitto -c @");
	expect_file_found(*state, "ld.so --argv0 -c --preload --config-file --inhibit-cache mosquitto -c @");
}

static void each_of_several_files_is_read(void **state)
{
	write_file(*state, "main.conf.other", "max_queued_messages 20000\n");
	expect_file_found(*state, "mosquitto -c @ -c @.other");
	expect_file_found(*state, "mosquitto -c @.other -c @");
}

static void the_own_process_has_no_broker_configuration(void **state)
{
	struct scene *scene = *state;
	scene->count = hostconf_check_self(V2_0, &scene->own, NULL, scene->findings, HOSTCONF_FINDING_MAX);
	WARNED(scene, "no -c FILE");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(included_files_are_read_in_mosquittos_order),
		TEST(names_that_differ_in_case_only_go_by_the_byte),
		TEST(an_included_file_has_listeners_and_bridges_of_its_own),
		TEST(an_include_dir_that_includes_itself_ends),
		TEST(thousands_of_include_dirs_end_soon),
		TEST(without_a_file_nothing_is_known_and_one_note_says_so),
		TEST(a_missing_file_is_one_note),
		TEST(defaults_are_not_judged_when_an_included_file_is_closed),
		TEST(pipes_and_directories_are_refused_without_waiting),
		TEST(a_file_beyond_all_measure_is_refused),
		TEST(a_huge_line_hides_nothing_behind_it),
		TEST(binary_files_do_no_harm),
		TEST(what_the_files_say_is_made_printable),
		TEST(the_file_is_found_behind_every_option),
		TEST(the_file_is_found_behind_a_loader),
		TEST(each_of_several_files_is_read),
		TEST(the_own_process_has_no_broker_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
