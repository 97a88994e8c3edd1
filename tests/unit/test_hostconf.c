/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * plugin/broker/hostconf: what is said about a broker's settings. Each test writes small files into a directory of its own. How the files are found
 * and read: test_hostconf_files. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/hostconf_kit.h"

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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
