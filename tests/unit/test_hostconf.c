/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * plugin/broker/hostconf: what is said about a broker's configuration. Each test writes small files into a directory of its own. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/hostconf_read.h"

static const int V2_0[3] = {2, 0, 11}, V2_1[3] = {2, 1, 2};

/* Settings about which there is nothing to say, on either version. */
#define GOOD "allow_duplicate_messages true\nmax_queued_messages 10000\n"

struct scene {
	char dir[64];
	struct hostconf_own own;
	struct hostconf_finding findings[HOSTCONF_FINDING_MAX];
	size_t count;
};

static int scene_open(void **state)
{
	struct scene *scene = mem_zero(sizeof *scene);
	scene->own.prefix = "hc";
	snprintf(scene->dir, sizeof scene->dir, "/tmp/hc-hostconf-XXXXXX");
	*state = scene;
	return mkdtemp(scene->dir) == NULL;
}

static void remove_files(const char *dir)
{
	DIR *listing = opendir(dir);
	for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(path) != 0)
			remove_files(path);
	}
	if (listing)
		closedir(listing);
	rmdir(dir);
}

static int scene_close(void **state)
{
	struct scene *scene = *state;
	remove_files(scene->dir);
	free(scene);
	return 0;
}

static const char *path_of(const struct scene *scene, const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", scene->dir, name);
	return path;
}

static void write_bytes(const struct scene *scene, const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(path_of(scene, name), "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* "@" in the text becomes the scene's directory. */
static void write_file(const struct scene *scene, const char *name, const char *text)
{
	struct buf bytes = BUF_EMPTY;
	for (; *text; text++)
		if (*text == '@')
			buf_add_text(&bytes, scene->dir);
		else
			buf_add_char(&bytes, *text);
	write_bytes(scene, name, bytes.data ? bytes.data : "", bytes.len);
	buf_fini(&bytes);
}

static void check_command(struct scene *scene, const int version[3], const char *command_line, size_t len)
{
	memset(scene->findings, 'x', sizeof scene->findings);
	scene->count = hostconf_check(command_line, len, version, &scene->own, scene->findings, HOSTCONF_FINDING_MAX);
	for (size_t i = 0; i < scene->count; i++)
		assert_non_null(memchr(scene->findings[i].text, '\0', sizeof scene->findings[i].text - 1));
}

static void check_written(struct scene *scene, const int version[3])
{
	struct buf command_line = BUF_EMPTY;
	buf_printf(&command_line, "mosquitto%c-c%c%s/main.conf%c", 0, 0, scene->dir, 0);
	check_command(scene, version, command_line.data, command_line.len);
	buf_fini(&command_line);
}

static void check(struct scene *scene, const int version[3], const char *text)
{
	write_file(scene, "main.conf", text);
	check_written(scene, version);
}

static void expect_nothing(const struct scene *scene)
{
	if (scene->count > 0)
		fail_msg("said: %s", scene->findings[0].text);
}

static void expect_only(const struct scene *scene, bool fatal, const char *part)
{
	assert_int_equal(scene->count, 1);
	assert_int_equal(scene->findings[0].fatal, fatal);
	if (strstr(scene->findings[0].text, part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, scene->findings[0].text);
}

#define FATAL(scene, part) expect_only(scene, true, part)
#define WARNED(scene, part) expect_only(scene, false, part)

/* ---- nothing to say ---- */

static void a_good_configuration_is_passed_in_silence(void **state)
{
	check(*state, V2_0, GOOD "listener 1883\nallow_anonymous false\nplugin /usr/lib/mosquitto_hyperchat.so\nplugin_opt_keys /k\n");
	expect_nothing(*state);
	check(*state, V2_1, GOOD "listener 1883\nglobal_plugin /usr/lib/mosquitto_hyperchat.so\n");
	expect_nothing(*state);
}

static void comments_and_unknown_words_are_passed_over(void **state)
{
	check(*state, V2_0,
		GOOD "#per_listener_settings true\n\n   \n\r\nper_listener_settings_x true\nmount_points a/\nfoo\n# mount_point a/");
	expect_nothing(*state);
}

/* ---- what it must not start with ---- */

static void per_listener_settings_are_fatal_on_2_0_only(void **state)
{
	check(*state, V2_0, "per_listener_settings true\n" GOOD);
	FATAL(*state, "per_listener_settings");
	check(*state, V2_1, "per_listener_settings true\n" GOOD);
	expect_nothing(*state);
}

static void the_forms_mosquitto_takes_are_taken(void **state)
{
	static const char *const forms[] = {
		"  per_listener_settings   true\n", "per_listener_settings 1\r\n", "per_listener_settings true # why",
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		char text[256];
		snprintf(text, sizeof text, "%s%s", GOOD, forms[i]);
		check(*state, V2_0, text);
		FATAL(*state, "per_listener_settings");
	}
}

static void the_last_value_wins(void **state)
{
	check(*state, V2_0, GOOD "per_listener_settings true\nper_listener_settings false\n");
	expect_nothing(*state);
	check(*state, V2_0,
		GOOD "max_queued_messages 5\nmax_queued_messages 20000\nallow_duplicate_messages false\nallow_duplicate_messages 1\n");
	expect_nothing(*state);
}

static void a_mount_point_is_fatal_and_names_its_listener(void **state)
{
	check(*state, V2_0, GOOD "listener 1883\nlistener 1884 127.0.0.1\nmount_point a/\n");
	FATAL(*state, "mount_point of listener \"1884 127.0.0.1\"");
	check(*state, V2_1, GOOD "listener 1883\nmount_point a/\nlistener 1884\n");
	FATAL(*state, "mount_point of listener \"1883\"");
}

static void two_instances_are_fatal_whichever_line_loads_them(void **state)
{
	check(*state, V2_0, GOOD "plugin /a/mosquitto_hyperchat.so\nauth_plugin   /b/mosquitto_hyperchat.so \n");
	FATAL(*state, "loaded 2 times");
	check(*state, V2_1, GOOD "global_plugin mosquitto_hyperchat.so\nplugin /b/mosquitto_hyperchat.so\n");
	FATAL(*state, "loaded 2 times");
	check(*state, V2_0, GOOD "plugin /a/mosquitto_hyperchat.so\nplugin /a/mosquitto_ctrl_hyperchat.so\nplugin /a/other.so\n");
	expect_nothing(*state);
}

static void plugin_load_counts_once_it_is_used(void **state)
{
	check(*state, V2_1, GOOD "global_plugin /a/mosquitto_hyperchat.so\nplugin_load chat /a/mosquitto_hyperchat.so\nlistener 1883\n");
	expect_nothing(*state);
	check(*state, V2_1, GOOD "plugin_load chat /a/mosquitto_hyperchat.so\nlistener 1\nplugin_use chat\nlistener 2\nplugin_use chat\n");
	WARNED(*state, "global_plugin");
	check(*state, V2_1,
		GOOD "plugin_load a /a/mosquitto_hyperchat.so\nplugin_load b /a/mosquitto_hyperchat.so\nlistener 1\nplugin_use a\nplugin_use b\n");
	struct scene *scene = *state;
	assert_int_equal(scene->count, 2);
	assert_true(scene->findings[0].fatal);
	assert_non_null(strstr(scene->findings[0].text, "loaded 2 times"));
}

static void fatal_findings_come_first_and_fit_into_what_the_caller_has(void **state)
{
	struct scene *scene = *state;
	write_file(scene, "main.conf", "queue_qos0_messages true\nlistener 1\nmount_point a/\n");
	char command_line[160];
	int len = snprintf(command_line, sizeof command_line, "mosquitto -c %s", path_of(scene, "main.conf"));
	for (int i = 0; i < len; i++)
		if (command_line[i] == ' ')
			command_line[i] = '\0';
	assert_int_equal(hostconf_check(command_line, (size_t)len + 1, V2_0, &scene->own, scene->findings, 1), 1);
	assert_true(scene->findings[0].fatal);
	assert_int_equal(hostconf_check(command_line, (size_t)len + 1, V2_0, &scene->own, scene->findings, 0), 0);
}

/* ---- what works badly ---- */

static void allow_duplicate_messages_false_is_warned_of_and_is_the_default_of_2_0(void **state)
{
	check(*state, V2_0, "max_queued_messages 0\n");
	WARNED(*state, "the default of Mosquitto 2.0");
	check(*state, V2_1, "max_queued_messages 0\n");
	expect_nothing(*state);
	check(*state, V2_1, "max_queued_messages 0\nallow_duplicate_messages false\n");
	WARNED(*state, "allow_duplicate_messages is false:");
}

static void a_short_queue_is_warned_of_and_is_the_default(void **state)
{
	check(*state, V2_0, "allow_duplicate_messages true\n");
	WARNED(*state, "max_queued_messages is 1000, the default");
	check(*state, V2_1, "max_queued_messages 9999\n");
	WARNED(*state, "max_queued_messages is 9999:");
	check(*state, V2_1, "max_queued_messages 0\n");
	expect_nothing(*state);
	check(*state, V2_1, "max_queued_messages -1\n");
	expect_nothing(*state);
}

static void numbers_are_read_as_the_version_reads_them(void **state)
{
	check(*state, V2_1, "max_queued_messages 0x2710\n");
	expect_nothing(*state);
	check(*state, V2_1, "max_queued_messages 0x270F\n");
	WARNED(*state, "max_queued_messages is 9999");
	check(*state, V2_0, "allow_duplicate_messages 1\nmax_queued_messages 12x\n");
	WARNED(*state, "max_queued_messages is 12:");
	check(*state, V2_0, "allow_duplicate_messages 1\nmax_queued_messages 99999999999999999999999\n");
	expect_nothing(*state);
}

static void a_plugin_that_is_asked_before_ours_is_warned_of(void **state)
{
	static const char *const LINES[] = {"plugin", "global_plugin", "auth_plugin"};
	for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
		char text[300];
		snprintf(text, sizeof text, GOOD "%s /usr/lib/mosquitto_dynamic_security.so\nplugin /usr/lib/" HOSTCONF_PLUGIN_FILE "\n", LINES[i]);
		check(*state, V2_0, text);
		WARNED(*state, "plugin \"mosquitto_dynamic_security.so\" is asked first");
	}
}

static void plugins_behind_ours_and_such_that_decide_nothing_are_not(void **state)
{
	check(*state, V2_1, GOOD "plugin /usr/lib/" HOSTCONF_PLUGIN_FILE "\nplugin /usr/lib/mosquitto_dynamic_security.so\n");
	expect_nothing(*state);
	check(*state, V2_1, GOOD "plugin /usr/lib/mosquitto_persist_sqlite.so\nplugin /usr/lib/" HOSTCONF_PLUGIN_FILE "\n");
	expect_nothing(*state);
	check(*state, V2_1, GOOD "plugin /usr/lib/mosquitto_dynamic_security.so\n"); /* ours is somewhere else */
	expect_nothing(*state);
}

static void bridges_whose_topics_cover_the_prefix_are_warned_of(void **state)
{
	static const char *const covering[] = {"#", "# both 0", "+/# out", "hc/# in 1", "hc/me/inbox", "hc/chat/+/events", "\"\" out 1 hc/x r/",
		"# in 0 hc/ \"\"", "+/me/inbox in", "+/+/#", "$hc out"};
	for (size_t i = 0; i < sizeof covering / sizeof *covering; i++) {
		char text[256];
		snprintf(text, sizeof text, "%sconnection branch\naddress example.com\ntopic %s\n", GOOD, covering[i]);
		check(*state, V2_0, text);
		WARNED(*state, "of bridge \"branch\"");
	}
}

static void bridges_that_stay_outside_are_not(void **state)
{
	static const char *const outside[] = {"sensors/#", "hcx/#", "# both 0 local/ remote/", "a/hc/#", "\"\" out 1 x/hc r/",
		"me/# in 0 site/", "hc/# out 0 a/", "$SYS/# out", "+", "+/state out"};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		char text[256];
		snprintf(text, sizeof text, "%sconnection branch\naddress example.com\ntopic %s\n", GOOD, outside[i]);
		check(*state, V2_0, text);
		expect_nothing(*state);
	}
}

static void a_quoted_bridge_topic_may_hold_spaces_on_2_1(void **state)
{
	check(*state, V2_1, GOOD "connection b\ntopic \"hc/a b/#\" out 1\n");
	WARNED(*state, "hc/a b/#");
	check(*state, V2_1, GOOD "connection b\ntopic \"my hc/#\" out 1\n");
	expect_nothing(*state);
}

static void listeners_that_take_names_from_certificates_are_warned_of(void **state)
{
	check(*state, V2_0, GOOD "listener 8883\nuse_identity_as_username true\nlistener 1883\n");
	WARNED(*state, "listener \"8883\"");
	check(*state, V2_0, GOOD "port 8884\nuse_subject_as_username 1\n");
	WARNED(*state, "listener \"8884\"");
	check(*state, V2_0, GOOD "listener 8883\nuse_identity_as_username true\nuse_identity_as_username false\n");
	expect_nothing(*state);
}

static void listeners_whose_certificates_say_who_somebody_is_are_not_warned_of(void **state)
{
	struct scene *scene = *state;
	scene->own.by_certificate = true;
	check(scene, V2_0, GOOD "listener 8883\ncertfile x\nuse_identity_as_username true\nlistener 1883\n");
	expect_nothing(scene);
}

static void listeners_of_one_port_that_take_names_from_different_places_are_refused_where_it_matters(void **state)
{
	static const char *const MIXED[] = {
		GOOD "listener 8883 10.0.0.1\nuse_identity_as_username true\nlistener 8883 10.0.0.2\n",
		GOOD "listener 8883 10.0.0.1\nuse_identity_as_username true\nlistener 8883 10.0.0.2\nuse_subject_as_username true\n",
	};
	struct scene *scene = *state;
	for (size_t i = 0; i < sizeof MIXED / sizeof *MIXED; i++) {
		scene->own.by_certificate = true;
		check(scene, V2_1, MIXED[i]);
		assert_int_equal(scene->count, 1);
		assert_true(scene->findings[0].fatal);
		assert_non_null(strstr(scene->findings[0].text, "8883"));
	}
	check(scene, V2_1, GOOD "listener 8883 a\nuse_identity_as_username true\nlistener 8883 b\nuse_identity_as_username true\nlistener 1\n");
	expect_nothing(scene);
}

static void what_could_not_be_read_is_warned_of_where_listeners_matter(void **state)
{
	struct scene *scene = *state;
	scene->own.refuses_plain = true;
	check_command(scene, V2_0, "mosquitto", sizeof "mosquitto");
	assert_int_equal(scene->count, 2);
	assert_non_null(strstr(scene->findings[1].text, "nobody gets in"));
}

static void passwords_without_an_acl_file_are_warned_of_where_other_topics_are_left_to_others(void **state)
{
	struct scene *scene = *state;
	check(scene, V2_0, GOOD "password_file /p\n");
	expect_nothing(scene);
	scene->own.defers = true;
	check(scene, V2_0, GOOD "password_file /p\n");
	assert_int_equal(scene->count, 1);
	assert_false(scene->findings[0].fatal);
	assert_non_null(strstr(scene->findings[0].text, "without acl_file"));
	write_file(scene, "acl", "pattern readwrite #\n");
	check(scene, V2_0, GOOD "password_file /p\nacl_file @/acl\n");
	expect_nothing(scene);
	check(scene, V2_1, GOOD "password_file /p\nplugin /usr/lib/mosquitto_hyperchat.so\nplugin /usr/lib/mosquitto_dynamic_security.so\n");
	expect_nothing(scene);
}

/* A port as it was read; NULL: it was not. */
static const struct hostconf_port *port_of(struct scene *scene, struct hostconf_settings *settings, const char *text, int port)
{
	struct buf command_line = BUF_EMPTY;
	write_file(scene, "main.conf", text);
	buf_printf(&command_line, "mosquitto%c-c%c%s/main.conf%c", 0, 0, scene->dir, 0);
	hostconf_read(command_line.data, command_line.len, true, "hc", settings);
	buf_fini(&command_line);
	return hostconf_port(settings, port);
}

static void it_is_known_which_ports_are_without_tls(void **state)
{
	static const char TEXT[] = "certfile x\nport 1\nlistener 2 ::1\nlistener 3\ncertfile y\nlistener 3 a\nlistener 4\npsk_hint z\n"
	                           "listener 5\nenable_proxy_protocol 2\nlistener 0 /run/socket\nlistener 6\ncertfile c\nlistener 6 b\ncertfile d\n";
	struct hostconf_settings settings;
	static const struct {
		int port;
		bool plain;
	} EXPECTED[] = {{1, false}, {2, true}, {3, true}, {4, false}, {5, false}, {0, true}, {6, false}};
	for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++) {
		const struct hostconf_port *port = port_of(*state, &settings, TEXT, EXPECTED[i].port);
		assert_non_null(port);
		assert_int_equal(port->plain, EXPECTED[i].plain);
	}
	assert_null(port_of(*state, &settings, TEXT, 7));
}

static void it_is_known_which_ports_without_tls_hear_other_machines(void **state)
{
	static const char TEXT[] = "listener 1 127.0.0.1\nlistener 2 ::1\nlistener 3 localhost \nlistener 4\nlistener 5 10.0.0.1\n"
	                           "listener 6 127.0.0.1\nlistener 6 10.0.0.1\nlistener 7 127.0.0.1\nlistener 7 10.0.0.1\ncertfile c\n"
	                           "listener 8 127.example.com\n";
	static const bool EXPECTED[] = {false, false, false, true, true, true, false, true};
	struct hostconf_settings settings;
	for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++)
		assert_int_equal(port_of(*state, &settings, TEXT, (int)i + 1)->plain_afar, EXPECTED[i]);
}

static void it_is_known_by_which_ports_certificates_give_names(void **state)
{
	static const char TEXT[] = "listener 1\nuse_identity_as_username true\nlistener 2\nuse_subject_as_username true\nlistener 3\n"
	                           "listener 4\nuse_subject_as_username true\nuse_identity_as_username true\n";
	struct hostconf_settings settings;
	const struct hostconf_port *port = port_of(*state, &settings, TEXT, 1);
	assert_true(port->by_identity && !port->by_subject && !port->by_token);
	port = port_of(*state, &settings, TEXT, 2);
	assert_true(!port->by_identity && port->by_subject && !port->by_token);
	port = port_of(*state, &settings, TEXT, 3);
	assert_true(!port->by_identity && !port->by_subject && port->by_token);
	port = port_of(*state, &settings, TEXT, 4);
	assert_true(port->by_identity && !port->by_subject && !port->by_token);
}

static void port_goes_back_to_the_default_listener_on_2_1(void **state)
{
	check(*state, V2_1, GOOD "listener 8883\nport 1884\nuse_identity_as_username true\n");
	WARNED(*state, "listener \"1884\"");
	check(*state, V2_0, GOOD "listener 8883\nport 1884\nuse_identity_as_username true\n");
	WARNED(*state, "listener \"8883\"");
}

static void acl_patterns_with_the_client_id_are_warned_of_on_2_1(void **state)
{
	write_file(*state, "acl", "user bob\ntopic read x/%c\n# pattern read %c/#\npattern read devices/%c/#\n");
	check(*state, V2_1, GOOD "acl_file @/acl\n");
	WARNED(*state, "/acl\"");
	check(*state, V2_0, GOOD "acl_file @/acl\n");
	expect_nothing(*state);
	check(*state, V2_1, GOOD "plugin /x/mosquitto_acl_file.so\nplugin_opt_acl_file @/acl\n");
	WARNED(*state, "%c");
}

static void acl_files_without_it_are_not(void **state)
{
	write_file(*state, "acl", "topic read x/%c\n#pattern read %c/#\npattern readwrite users/%u/#\n");
	write_file(*state, "with", "pattern %c/#\n");
	check(*state, V2_1, GOOD "acl_file @/acl\n");
	expect_nothing(*state);
	check(*state, V2_1, GOOD "acl_file @/with\nacl_file @/acl\n");
	expect_nothing(*state);
}

static void queued_qos_0_messages_are_warned_of(void **state)
{
	check(*state, V2_0, GOOD "queue_qos0_messages true\n");
	WARNED(*state, "queue_qos0_messages");
	check(*state, V2_0, GOOD "queue_qos0_messages false\n");
	expect_nothing(*state);
}

static void limits_below_our_longest_command_are_warned_of(void **state)
{
	check(*state, V2_0, GOOD "message_size_limit 65535\n");
	WARNED(*state, "message_size_limit 65535");
	check(*state, V2_0, GOOD "max_packet_size 65536\n");
	WARNED(*state, "max_packet_size 65536");
	check(*state, V2_0, GOOD "message_size_limit 65536\nmax_packet_size 70000\n");
	expect_nothing(*state);
	check(*state, V2_0, GOOD "message_size_limit 0\n");
	expect_nothing(*state);
}

static void a_plugin_of_single_listeners_is_warned_of_on_2_1(void **state)
{
	check(*state, V2_1, GOOD "per_listener_settings true\nlistener 1883\nplugin /x/mosquitto_hyperchat.so\n");
	WARNED(*state, "belongs to single listeners");
	check(*state, V2_1, GOOD "per_listener_settings true\nlistener 1883\nglobal_plugin /x/mosquitto_hyperchat.so\n");
	expect_nothing(*state);
}

static void all_findings_at_once_fit(void **state)
{
	struct scene *scene = *state;
	scene->own.refuses_plain = true;
	write_file(scene, "acl", "pattern %c/#\n");
	check(scene, V2_1,
		"per_listener_settings true\nallow_duplicate_messages false\nqueue_qos0_messages true\nmessage_size_limit 1\nmax_packet_size 20\n"
		"listener 1883\nmount_point a/\nuse_identity_as_username true\nacl_file @/acl\nplugin /x/an_authentication_plugin_with_a_very_long_name.so\n"
		"plugin /x/mosquitto_hyperchat.so\nplugin /x/mosquitto_hyperchat.so\nconnection b\ntopic #\ninclude_dir @/none\nmax_queued_messages 1\n");
	assert_int_equal(scene->count, HOSTCONF_FINDING_MAX - 3); /* all but the one of 2.0, one of the two about certificates, and none about a missing acl_file */
	for (size_t i = 0; i < scene->count; i++)
		assert_true(strlen(scene->findings[i].text) < sizeof scene->findings[i].text - 1);
}

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
		TEST(a_good_configuration_is_passed_in_silence),
		TEST(comments_and_unknown_words_are_passed_over),
		TEST(per_listener_settings_are_fatal_on_2_0_only),
		TEST(the_forms_mosquitto_takes_are_taken),
		TEST(the_last_value_wins),
		TEST(a_mount_point_is_fatal_and_names_its_listener),
		TEST(two_instances_are_fatal_whichever_line_loads_them),
		TEST(plugin_load_counts_once_it_is_used),
		TEST(fatal_findings_come_first_and_fit_into_what_the_caller_has),
		TEST(allow_duplicate_messages_false_is_warned_of_and_is_the_default_of_2_0),
		TEST(a_short_queue_is_warned_of_and_is_the_default),
		TEST(numbers_are_read_as_the_version_reads_them),
		TEST(a_plugin_that_is_asked_before_ours_is_warned_of),
		TEST(plugins_behind_ours_and_such_that_decide_nothing_are_not),
		TEST(bridges_whose_topics_cover_the_prefix_are_warned_of),
		TEST(bridges_that_stay_outside_are_not),
		TEST(a_quoted_bridge_topic_may_hold_spaces_on_2_1),
		TEST(listeners_that_take_names_from_certificates_are_warned_of),
		TEST(listeners_whose_certificates_say_who_somebody_is_are_not_warned_of),
		TEST(listeners_of_one_port_that_take_names_from_different_places_are_refused_where_it_matters),
		TEST(what_could_not_be_read_is_warned_of_where_listeners_matter),
		TEST(passwords_without_an_acl_file_are_warned_of_where_other_topics_are_left_to_others),
		TEST(it_is_known_which_ports_are_without_tls),
		TEST(it_is_known_which_ports_without_tls_hear_other_machines),
		TEST(it_is_known_by_which_ports_certificates_give_names),
		TEST(port_goes_back_to_the_default_listener_on_2_1),
		TEST(acl_patterns_with_the_client_id_are_warned_of_on_2_1),
		TEST(acl_files_without_it_are_not),
		TEST(queued_qos_0_messages_are_warned_of),
		TEST(limits_below_our_longest_command_are_warned_of),
		TEST(a_plugin_of_single_listeners_is_warned_of_on_2_1),
		TEST(all_findings_at_once_fit),
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
