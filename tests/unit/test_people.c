/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who is taken for whom, when a server says what it likes with certificates of its own authority: new devices of people who were verified, and of
 * ourselves, and who may vouch for them. */
#include "test_sis.h"

#include "format/item.h"
#include "sis/people.h"

struct test_device { const char *user, *name; struct signing_key key; struct blob certificate; json_t *json; };

/* Alice's profile, and the authority that all certificates here come from: the hostile server's. */
struct world { struct profile *profile; struct pki_ca *ca; struct pins *pins; };

static struct world world_open(void)
{
	struct world world = { .profile = test_profile_make() };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	struct why why = { "" };
	struct profile *saved = test_profile_open();
	world.profile->dir_fd = fcntl(saved->dir_fd, F_DUPFD_CLOEXEC, 3);
	profile_free(saved);
	blob_free(&world.profile->ca);
	assert_int_equal(pki_ca_create(86400 * 365, &world.ca), 0);
	assert_int_equal(pki_ca_certificate(world.ca, &world.profile->ca, fingerprint), 0);
	assert_int_equal(pins_open(world.profile, &world.pins, &why), 0);
	return world;
}

static void world_close(struct world *world)
{
	pins_free(world->pins);
	profile_free(world->profile);
	pki_ca_free(world->ca);
}

static struct test_device device_make(struct world *world, const char *user, const char *name)
{
	struct test_device device = { .user = user, .name = name };
	struct key_statement statement = { .time = time_now() };
	char text[KEY_STATEMENT_MAX_BYTES + 1];
	struct certificate facts;
	struct blob pem;
	size_t size;
	assert_int_equal(signing_key_generate(KEY_ED25519, &device.key), 0);
	assert_int_equal(pki_ca_issue_device(world->ca, &device.key.public_key, user, name, 86400, &device.certificate), 0);
	struct span der = { device.certificate.data, device.certificate.size };
	assert_int_equal(certificate_parse(der, &facts), 0);
	assert_int_equal(certificate_to_pem(der, &pem), 0);
	strcpy(statement.user, user);
	strcpy(statement.device, name);
	memcpy(statement.certificate, facts.fingerprint, sizeof(statement.certificate));
	assert_int_equal(key_statement_write(&statement, &device.key, text, &size), 0);
	device.json = json_pack("{s:s, s:s%, s:s, s:[]}", "device", name, "certificate", (const char *)pem.data, pem.size, "key", text, "endorsements");
	assert_non_null(device.json);
	blob_free(&pem);
	blob_free(&device.certificate);
	return device;
}

/* by's key over what the text is to say of another device. */
static void endorse_as(struct test_device *device, const char *user, const char *name, const struct public_key *key, const struct signing_key *by)
{
	struct endorsement endorsement = { .key = *key, .time = time_now() };
	char text[ENDORSEMENT_MAX_BYTES + 1];
	size_t size;
	strcpy(endorsement.user, user);
	strcpy(endorsement.device, name);
	assert_int_equal(endorsement_write(&endorsement, by, text, &size), 0);
	json_array_append_new(json_object_get(device->json, "endorsements"), json_string(text));
}

static void endorse(struct test_device *device, const struct test_device *by)
{
	endorse_as(device, device->user, device->name, &device->key.public_key, &by->key);
}

/* What the server tells of these devices; how many of them would get something, or the error. */
static int look(struct world *world, const char *user, struct test_device **devices, unsigned n, struct why *why)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s, s:[]}", "user", user, "devices");
	struct sis quiet = { .quiet = true, .command = "test" };
	struct person person;
	for (unsigned i = 0; i < n; i++)
		json_array_append(json_object_get(json, "devices"), devices[i]->json);
	int r = people_read(&quiet, NULL, world->profile, world->pins, user, json, &person, why);
	if (r < 0)
		return r;
	r = (int)person.n_devices;
	person_free(&person);
	return r;
}
#define LOOK(world, user, why, ...) look((world), (user), (struct test_device *[]){ __VA_ARGS__ }, \
	sizeof((struct test_device *[]){ __VA_ARGS__ }) / sizeof(struct test_device *), (why))

static void device_free(struct test_device *device)
{
	json_decref(device->json);
}

static void a_further_device_of_somebody_verified_needs_a_voucher(void **state)
{
	struct world world = world_open();
	struct test_device laptop = device_make(&world, "bob", "laptop"), tablet = device_make(&world, "bob", "tablet");
	struct test_device phone = device_make(&world, "bob", "phone");
	struct why why = { "" };
	assert_int_equal(LOOK(&world, "bob", &why, &laptop), 1);
	assert_int_equal(pins_set_verified(world.pins, "bob", true), 0);
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &tablet), -SIS_ERR_PIN_CHANGED);
	assert_non_null(strstr(why.text, "sis contacts accept bob"));
	/* Who was vouched for vouches in turn, in whatever order the server tells them. */
	endorse(&tablet, &laptop);
	endorse(&phone, &tablet);
	assert_int_equal(LOOK(&world, "bob", &why, &phone, &tablet, &laptop), 3);
	assert_true(pins_knows(world.pins, "bob", "phone", &phone.key.public_key));
	device_free(&laptop);
	device_free(&tablet);
	device_free(&phone);
	world_close(&world);
}

static void no_other_endorsement_counts(void **state)
{
	struct world world = world_open();
	struct test_device laptop = device_make(&world, "bob", "laptop"), tablet = device_make(&world, "bob", "tablet");
	struct test_device mallory = device_make(&world, "mallory", "laptop"), again = device_make(&world, "bob", "again");
	struct why why = { "" };
	assert_int_equal(LOOK(&world, "bob", &why, &laptop), 1);
	assert_int_equal(LOOK(&world, "mallory", &why, &mallory), 1);
	assert_int_equal(pins_set_verified(world.pins, "bob", true), 0);
	json_t *list = json_object_get(tablet.json, "endorsements");
	/* By another user's device, though that is pinned; by a key that is pinned for nobody; of another user, device or key; no endorsement at all. */
	endorse(&tablet, &mallory);
	endorse(&tablet, &again);
	endorse_as(&tablet, "mallory", "tablet", &tablet.key.public_key, &laptop.key);
	endorse_as(&tablet, "bob", "phone", &tablet.key.public_key, &laptop.key);
	endorse_as(&tablet, "bob", "tablet", &again.key.public_key, &laptop.key);
	json_array_append_new(list, json_integer(1));
	json_array_append_new(list, json_string("sis-endorsement/1\n"));
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &tablet), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &again, &tablet), -SIS_ERR_PIN_CHANGED);
	/* Right, but for its signature. */
	json_array_clear(list);
	endorse(&tablet, &laptop);
	CLEANUP_FREE char *text = xstrdup(json_string_value(json_array_get(list, 0)));
	char *time = strstr(text, "time 2");
	time[5] = '3';
	json_array_set_new(list, 0, json_string(text));
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &tablet), -SIS_ERR_PIN_CHANGED);
	time[5] = '2';
	json_array_set_new(list, 0, json_string(text));
	/* Right, but the endorser is not among the live devices any more: it was revoked. */
	assert_int_equal(LOOK(&world, "bob", &why, &tablet), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &tablet), 2);
	device_free(&laptop);
	device_free(&tablet);
	device_free(&mallory);
	device_free(&again);
	world_close(&world);
}

static void nobody_vouches_for_another_key_of_a_known_device(void **state)
{
	struct world world = world_open();
	struct test_device laptop = device_make(&world, "bob", "laptop"), tablet = device_make(&world, "bob", "tablet");
	struct test_device swapped = device_make(&world, "bob", "tablet");
	struct why why = { "" };
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &tablet), 2);
	endorse(&swapped, &laptop);
	assert_int_equal(LOOK(&world, "bob", &why, &laptop, &swapped), -SIS_ERR_PIN_CHANGED);
	assert_non_null(strstr(why.text, "HAS CHANGED"));
	device_free(&laptop);
	device_free(&tablet);
	device_free(&swapped);
	world_close(&world);
}

static void a_device_of_our_own_gets_nothing_before_it_is_approved(void **state)
{
	struct world world = world_open();
	struct test_device other = device_make(&world, "alice", "tablet"), first = device_make(&world, "alice", "phone");
	struct why why = { "" };
	/* Not even the first that is seen: the authority could have made it. */
	assert_int_equal(LOOK(&world, "alice", &why, &first), -SIS_ERR_NO_KEY);
	pins_accept_device(world.pins, "alice", "phone", &first.key.public_key);
	assert_int_equal(LOOK(&world, "alice", &why, &first, &other), 1);
	assert_false(pins_has_device(world.pins, "alice", "tablet"));
	/* Approved on the phone. */
	endorse(&other, &first);
	assert_int_equal(LOOK(&world, "alice", &why, &first, &other), 2);
	device_free(&other);
	device_free(&first);
	world_close(&world);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOME(a_further_device_of_somebody_verified_needs_a_voucher), IN_HOME(no_other_endorsement_counts),
		IN_HOME(nobody_vouches_for_another_key_of_a_known_device), IN_HOME(a_device_of_our_own_gets_nothing_before_it_is_approved),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
