/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: one's devices. Data only. */
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

#define DEVICE(help_) {.name = "deviceID", .type = ARGUMENT_TEXT, .required = true, .max = RPC_DEVICE_MAX, .help = help_}

const struct rpc_operation operations_devices[] = {
	{.name = "registerDevice", .kind = RPC_WRITE, .write = register_device,
		.who = "everyone who is connected as a device",
		.help = "Where this device can be woken: what it got from Apple, Google or whoever brings notifications to it. The platform and the token are "
			"passed on as they are, to whatever sends them. A push token belongs to the device that registered it last, whoever's it was before. "
			"At most 100 devices of a user can be woken: another one is `forbidden` until one of them is removed.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "platform", .type = ARGUMENT_TEXT, .max = PLATFORM_MAX, .help = "Whose token it is, like `apns` or `fcm`; needed with a token."},
			{.name = "pushToken", .type = ARGUMENT_TEXT, .required = true, .max = PUSH_TOKEN_MAX, .help = "Empty: the device is not woken any more."}),
		.result = FIELDS(EPOCH)},
	{.name = "getDevices", .kind = RPC_READ, .read = get_devices, .settle = devices_read,
		.who = "everyone",
		.help = "The caller's devices: those that were connected within the last 90 days, or have a device token.",
		.arguments = ARGUMENTS(SELF("userID"), NUMBER_ARGUMENT("next", 0, "The last answer's `next`; without it, from the start."), MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"devices", FIELD_OBJECTS, "Device", false, "In the order of their names."},
			LIMITED,
			{"next", FIELD_NUMBER, NULL, true, "There are more: the next call's `next`."})},
	{.name = "removeDevice", .kind = RPC_WRITE, .begin = device_leaves, .write = remove_device, .settle = device_removed,
		.who = "everyone",
		.help = "One of the caller's devices is forgotten, with its place in the chats, its push token, and the device tokens that were issued for it, "
			"which count no more. Whoever is connected as it is cut off; who has a token of the sign-on can come back, as a new device. It may be the "
			"one that calls, and one that is not there.",
		.arguments = ARGUMENTS(SELF("userID"), DEVICE("Which one, as `getDevices` names it.")),
		.result = FIELDS(EPOCH)},
	{.name = "createDeviceToken", .kind = RPC_WRITE, .write = create_device_token, .settle = device_token_stored, .is_contact = true,
		.needs_sign_on = true,
		.who = "everyone whose connection has a token of the sign-on",
		.help = "A password for a device that cannot log in by itself: a token that counts for the client ID `<userID>/<deviceID>` alone. It is told "
			"here and nowhere else; a repetition makes another one. `removeDevice` ends it. Counts as a new contact. At most 1000 devices of a user have "
			"one that counts: another one is `forbidden` until one of them is removed.",
		.arguments = ARGUMENTS(SELF("userID"),
			DEVICE("For which device; it need not exist yet."),
			{.name = "days", .type = ARGUMENT_NUMBER, .min = 1, .max = STORE_DEVICE_TOKEN_DAYS, .help = "How long it counts; without it, 90."}),
		.result = FIELDS(EPOCH,
			{"token", FIELD_TEXT, NULL, false, "The device's MQTT password."},
			{"expires", FIELD_TIME, NULL, false, "When it is over."})},
	{.name = NULL},
};

const struct shape shapes_devices[] = {
	{"Device", "One of one's devices.", FIELDS(
		{"deviceID", FIELD_TEXT, NULL, false, "What follows `<userID>/` in its client ID."},
		{"lastSeen", FIELD_TIME, NULL, false, "When it was connected last, or made known, to a day."},
		{"connected", FIELD_BOOL, NULL, false, "Whether it is connected, to the broker that answers."},
		{"current", FIELD_BOOL, NULL, true, "`true`: it is the one that asks."},
		{"platform", FIELD_TEXT, NULL, true, "If it can be woken: as it said in `registerDevice`."},
		{"tokenExpires", FIELD_TIME, NULL, true, "If a device token counts for it: until when."})},
	{.name = NULL},
};
