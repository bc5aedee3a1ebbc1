/* Who has to make room for whom. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "../unit/unit.h"
#include "monitor/connections.h"

#define MANY 40

static struct sockaddr_in address(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(1)};

    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    return in;
}

/* The server's ends of so many connections; whoever has @peers sees which were shut. */
static void make(int count, int *ends, int *peers)
{
    for (int i = 0; i < count; i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        ends[i] = pair[0];
        peers[i] = pair[1];
    }
}

static bool is_shut(int peer)
{
    char byte;

    return recv(peer, &byte, 1, 0) == 0;
}

static void end(int count, const int *ends, const int *peers)
{
    for (int i = 0; i < count; i++) {
        close(ends[i]);
        close(peers[i]);
    }
}

static void test_one_address(void **state)
{
    const struct sockaddr_in one = address("192.0.2.1"), other = address("192.0.2.2");
    int ends[MANY], peers[MANY];
    struct connections connections;
    struct connection *second = NULL;

    (void)state;
    make(MANY, ends, peers);
    connections_init(&connections);
    assert_non_null(connections_add(&connections, ends[MANY - 1], (const struct sockaddr *)&other));
    for (int i = 0; i < CONNECTIONS_PER_ADDRESS; i++) {
        struct connection *added = connections_add(&connections, ends[i], (const struct sockaddr *)&one);

        assert_non_null(added);
        second = i == 1 ? added : second;
    }
    for (int i = 0; i < CONNECTIONS_PER_ADDRESS; i++)
        assert_false(is_shut(peers[i]));
    connections_add(&connections, ends[CONNECTIONS_PER_ADDRESS], (const struct sockaddr *)&one);
    assert_true(is_shut(peers[0]));
    connections_touch(&connections, second); /* has just asked for something */
    connections_add(&connections, ends[CONNECTIONS_PER_ADDRESS + 1], (const struct sockaddr *)&one);
    assert_false(is_shut(peers[1]));
    assert_true(is_shut(peers[2]));
    assert_false(is_shut(peers[MANY - 1]));
    end(MANY, ends, peers);
}

static void test_loopback_has_more(void **state)
{
    const struct sockaddr_in here = address("127.0.0.1");
    const struct sockaddr_in6 here6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int ends[CONNECTIONS_MAX], peers[CONNECTIONS_MAX];
    struct connections connections;

    (void)state;
    make(CONNECTIONS_MAX, ends, peers);
    connections_init(&connections);
    for (int i = 0; i < CONNECTIONS_COMFORTABLE; i++)
        connections_add(&connections, ends[i],
                        i % 2 ? (const struct sockaddr *)&here : (const struct sockaddr *)&here6);
    for (int i = 0; i < CONNECTIONS_COMFORTABLE; i++)
        assert_false(is_shut(peers[i]));
    for (int i = CONNECTIONS_COMFORTABLE; i < CONNECTIONS_MAX; i++) {
        assert_non_null(connections_add(&connections, ends[i], (const struct sockaddr *)&here));
        assert_true(is_shut(peers[i - CONNECTIONS_COMFORTABLE]));
    }
    assert_null(connections_add(&connections, ends[0], (const struct sockaddr *)&here));
    end(CONNECTIONS_MAX, ends, peers);
}

static void test_places_are_used_again(void **state)
{
    const struct sockaddr_in one = address("192.0.2.1");
    int end_of_one, peer;
    struct connections connections;

    (void)state;
    make(1, &end_of_one, &peer);
    connections_init(&connections);
    for (int i = 0; i < 10 * CONNECTIONS_MAX; i++) {
        struct connection *connection = connections_add(&connections, end_of_one, (const struct sockaddr *)&one);

        assert_non_null(connection);
        connections_remove(&connections, connection);
    }
    assert_false(is_shut(peer));
    end(1, &end_of_one, &peer);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_one_address),
    cmocka_unit_test(test_loopback_has_more),
    cmocka_unit_test(test_places_are_used_again),
};

UNIT_MAIN(tests)
