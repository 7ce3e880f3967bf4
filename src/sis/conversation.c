/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a message says about those before it. */
#include "sis/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct conversation_device *device_find(const struct conversation *conversation, const char *name)
{
	for (unsigned i = 0; i < conversation->n_devices; i++) {
		if (strcmp(conversation->devices[i].name, name) == 0)
			return &conversation->devices[i];
	}
	return NULL;
}

static struct conversation_device *device_add(struct conversation *conversation, const char *name)
{
	if (conversation->n_devices == CONVERSATION_DEVICES_MAX)
		return NULL;
	struct conversation_device *devices = realloc(conversation->devices, (conversation->n_devices + 1) * sizeof(*devices));
	if (devices == NULL)
		return NULL;
	conversation->devices = devices;
	struct conversation_device *device = &devices[conversation->n_devices++];
	*device = (struct conversation_device){ 0 };
	snprintf(device->name, sizeof(device->name), "%s", name);
	return device;
}

static void device_move(struct conversation_device *device, uint64_t number, const uint8_t hash[DIGEST_BYTES], const char *item)
{
	device->number = number;
	memcpy(device->hash, hash, DIGEST_BYTES);
	snprintf(device->item, sizeof(device->item), "%s", item);
	device->is_gone = false;
}

/* The oldest gap is forgotten when there are too many: a message from it is then said to have come before. */
static void missing_add(struct conversation_device *device, uint64_t from, uint64_t to)
{
	if (device->n_missing == MISSING_MAX)
		memmove(&device->missing[0], &device->missing[1], --device->n_missing * sizeof(device->missing[0]));
	device->missing[device->n_missing].from = from;
	device->missing[device->n_missing++].to = to;
}

static bool missing_take(struct conversation_device *device, uint64_t number)
{
	for (unsigned i = 0; i < device->n_missing; i++) {
		uint64_t from = device->missing[i].from, to = device->missing[i].to;
		if (number < from || number > to)
			continue;
		device->n_missing--;
		memmove(&device->missing[i], &device->missing[i + 1], (device->n_missing - i) * sizeof(device->missing[0]));
		if (number < to)
			missing_add(device, number + 1, to);
		if (number > from)
			missing_add(device, from, number - 1);
		return true;
	}
	return false;
}

struct look {                           /* at one arrival */
	struct conversation *conversation;
	const struct arrival *arrival;
	uint8_t hash[DIGEST_BYTES];
	char name[DEVICE_PATH];
	struct finding *findings;
	unsigned n;
};

static void find(struct look *look, enum finding_kind kind, const char *device, uint64_t n)
{
	if (look->n == FINDINGS_MAX)
		return;
	struct finding *finding = &look->findings[look->n++];
	*finding = (struct finding){ .kind = kind, .n = n, .number = look->arrival->place->number };
	snprintf(finding->device, sizeof(finding->device), "%s", device);
	snprintf(finding->by, sizeof(finding->by), "%s", look->name);
}

/* What this device itself sent comes back to it. A higher number than it remembers: it lost its state, and now knows again. */
static void look_at_own(struct look *look, struct conversation_device *device)
{
	const struct manifest_conversation *place = look->arrival->place;
	struct conversation *conversation = look->conversation;
	if (place->number == device->number && memcmp(look->hash, device->hash, DIGEST_BYTES) != 0)
		find(look, FINDING_FORKED, look->name, 1);
	if (place->number > device->number)
		device_move(device, place->number, look->hash, look->arrival->item);
	if (conversation->pending.number == place->number && memcmp(conversation->pending.hash, look->hash, DIGEST_BYTES) == 0)
		conversation->pending.number = 0;
}

/* A number that is not above the newest. */
static void look_back(struct look *look, struct conversation_device *device)
{
	const struct manifest_conversation *place = look->arrival->place;
	bool is_same = memcmp(look->hash, device->hash, DIGEST_BYTES) == 0;
	if (missing_take(device, place->number)) {
		find(look, FINDING_LATE, look->name, 1);
	} else if (place->number == device->number && !is_same) {
		find(look, FINDING_FORKED, look->name, 1);
	} else if (place->number == 1 && device->number > 1) {
		find(look, FINDING_ANEW, look->name, device->number);
		device->n_missing = 0;
		device_move(device, 1, look->hash, look->arrival->item);
	} else {
		find(look, FINDING_AGAIN, look->name, 1);
	}
}

static void look_on(struct look *look, struct conversation_device *device)
{
	const struct manifest_conversation *place = look->arrival->place;
	if (place->number > device->number + 1) {
		find(look, FINDING_MISSING, look->name, place->number - device->number - 1);
		missing_add(device, device->number + 1, place->number - 1);
	} else if (memcmp(place->previous, device->hash, DIGEST_BYTES) != 0) {
		find(look, FINDING_BROKEN, look->name, 1);
	}
	device_move(device, place->number, look->hash, look->arrival->item);
}

/* The word of one sender about the others' messages. It is said once and moves nothing else: it may be a lie. */
static void look_at_seen(struct look *look, const struct manifest_seen *seen)
{
	struct conversation *conversation = look->conversation;
	char name[DEVICE_PATH];
	snprintf(name, sizeof(name), "%s/%s", seen->user, seen->device);
	struct conversation_device *device = device_find(conversation, name);
	if (device == NULL || strcmp(name, look->name) == 0)
		return;
	bool own = strcmp(name, conversation->own) == 0;
	uint64_t known = device->number > device->claimed ? device->number : device->claimed;
	if (own && conversation->pending.number > known)
		known = conversation->pending.number;
	if (seen->number <= known)
		return;
	find(look, own ? FINDING_CLONED : FINDING_CLAIMED, name, seen->number - known);
	device->claimed = seen->number;
}

static void look_at(struct look *look)
{
	const struct manifest_conversation *place = look->arrival->place;
	struct conversation_device *device = device_find(look->conversation, look->name);
	bool own = strcmp(look->name, look->conversation->own) == 0, first = device == NULL || device->number == 0;
	if (device == NULL)
		device = device_add(look->conversation, look->name);
	if (device == NULL)
		return;
	if (own)
		look_at_own(look, device);
	else if (first)
		device_move(device, place->number, look->hash, look->arrival->item);
	else if (place->number <= device->number)
		look_back(look, device);
	else
		look_on(look, device);
	for (unsigned i = 0; i < place->n_seen; i++)
		look_at_seen(look, &place->seen[i]);
}

unsigned conversation_accept(struct conversation *conversation, const struct arrival *arrival, struct finding ret_findings[FINDINGS_MAX],
                             bool *ret_known)
{
	struct look look = { .conversation = conversation, .arrival = arrival, .findings = ret_findings };
	snprintf(look.name, sizeof(look.name), "%s/%s", arrival->user, arrival->device);
	digest_sha256(arrival->statement.data, arrival->statement.size, look.hash);
	*ret_known = arrival->sequence <= conversation->sequence;
	if (!*ret_known) {
		conversation->sequence = arrival->sequence;
		if (arrival->place->number > 0)
			look_at(&look);
	}
	return look.n;
}

bool conversation_check_newest(const struct conversation *conversation, const char *name, uint64_t number, struct finding *ret_finding)
{
	const struct conversation_device *device = device_find(conversation, name);
	if (device == NULL || device->is_gone || number >= device->number)
		return false;
	*ret_finding = (struct finding){ .kind = FINDING_TRUNCATED, .n = device->number - number, .number = number };
	snprintf(ret_finding->device, sizeof(ret_finding->device), "%s", name);
	return true;
}

bool conversation_remove(struct conversation *conversation, const char *item)
{
	for (unsigned i = 0; i < conversation->n_devices; i++) {
		if (strcmp(conversation->devices[i].item, item) == 0) {
			conversation->devices[i].is_gone = true;
			return true;
		}
	}
	return false;
}

void conversation_next(const struct conversation *conversation, struct manifest_conversation *ret_place)
{
	const struct conversation_device *own = device_find(conversation, conversation->own);
	struct manifest_conversation place = { .number = 1 };
	if (own != NULL && own->number > 0) {
		place.number = own->number + 1;
		memcpy(place.previous, own->hash, sizeof(place.previous));
	}
	for (unsigned i = 0; i < conversation->n_devices && place.n_seen < SEEN_MAX; i++) {
		const struct conversation_device *device = &conversation->devices[i];
		const char *slash = strchr(device->name, '/');
		struct manifest_seen *seen = &place.seen[place.n_seen];
		if (device == own || device->number == 0 || slash == NULL)
			continue;
		snprintf(seen->user, sizeof(seen->user), "%.*s", (int)(slash - device->name), device->name);
		snprintf(seen->device, sizeof(seen->device), "%.32s", slash + 1);
		seen->number = device->number;
		place.n_seen++;
	}
	*ret_place = place;
}

void conversation_set_pending(struct conversation *conversation, uint64_t number, struct span statement, const char *item)
{
	conversation->pending.number = number;
	digest_sha256(statement.data, statement.size, conversation->pending.hash);
	snprintf(conversation->pending.item, sizeof(conversation->pending.item), "%s", item);
}

static void set_sent(struct conversation *conversation, uint64_t number, const uint8_t hash[DIGEST_BYTES], const char *item)
{
	struct conversation_device *own = device_find(conversation, conversation->own);
	if (own == NULL)
		own = device_add(conversation, conversation->own);
	if (own != NULL && number > own->number)
		device_move(own, number, hash, item);
}

void conversation_set_sent(struct conversation *conversation, uint64_t number, const uint8_t hash[DIGEST_BYTES])
{
	set_sent(conversation, number, hash, "");
}

void conversation_settle(struct conversation *conversation, bool arrived)
{
	if (arrived && conversation->pending.number > 0)
		set_sent(conversation, conversation->pending.number, conversation->pending.hash, conversation->pending.item);
	conversation->pending.number = 0;
}

bool conversation_has_sent(const struct conversation *conversation, const struct arrival *arrival)
{
	char name[DEVICE_PATH];
	const struct conversation_device *own = device_find(conversation, conversation->own);
	snprintf(name, sizeof(name), "%s/%s", arrival->user, arrival->device);
	return own != NULL && strcmp(name, own->name) == 0 && arrival->place->number <= own->number;
}

void finding_text(const struct finding *finding, char *ret_text, size_t capacity)
{
	static const struct { bool counted; const char *before, *one, *many; } texts[] = {
		[FINDING_MISSING] = { true, "", "before this one has not arrived", "before this one have not arrived" },
		[FINDING_LATE] = { false, "out of order: ", " sent this message before others that came earlier", NULL },
		[FINDING_AGAIN] = { false, "the server gave a message of ", " again that had come before", NULL },
		[FINDING_FORKED] = { false, "", " signed two different messages in one place of this conversation: ask its owner before you believe either", NULL },
		[FINDING_BROKEN] = { false, "this message of ", " follows another one than the one that came here before it", NULL },
		[FINDING_ANEW] = { false, "", " counts its messages anew (it lost its state, or is an old copy): whether some are missing cannot be told", NULL },
		[FINDING_CLAIMED] = { true, "", "has not come here, but the sender of this one has seen it", "have not come here, but the sender of this one has seen them" },
		[FINDING_CLONED] = { false, "the sender of this message has seen messages of this device, ", ", that it did not send: somebody else may use its keys",
		                     NULL },
		[FINDING_TRUNCATED] = { true, "", "that had come before is no longer given by the server", "that had come before are no longer given by the server" },
	};
	const char *before = texts[finding->kind].before, *one = texts[finding->kind].one;
	if (texts[finding->kind].counted)
		snprintf(ret_text, capacity, "%llu message%s of %s %s", (unsigned long long)finding->n, finding->n == 1 ? "" : "s", finding->device,
		         finding->n == 1 ? one : texts[finding->kind].many);
	else
		snprintf(ret_text, capacity, "%s%s%s", before, finding->device, one);
}
