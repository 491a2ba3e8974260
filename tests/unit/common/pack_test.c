/* SPDX-License-Identifier: MIT */
#include "common/pack.h"

#include <criterion/criterion.h>
#include <string.h>

static msgpack_object unpacked(struct tp_pack *p, msgpack_unpacked *u)
{
    msgpack_unpacked_init(u);
    size_t at = 0;
    cr_assert_eq(msgpack_unpack_next(u, p->buf.data, p->buf.size, &at), MSGPACK_UNPACK_SUCCESS);
    cr_assert_eq(at, p->buf.size, "the event is one whole object");
    return u->data;
}

Test(pack, counts_the_entries_of_each_container)
{
    struct tp_pack p;
    msgpack_unpacked u;
    tp_pack_init(&p);
    tp_pack_map_begin(&p);
    tp_pack_kv_str(&p, "a", "x");
    tp_pack_key(&p, "list");
    tp_pack_array_begin(&p);
    for (unsigned i = 0; i < 3; i++) {
        tp_pack_map_begin(&p);
        tp_pack_kv_u64(&p, "i", i);
        tp_pack_end(&p);
    }
    tp_pack_u64(&p, 9);
    tp_pack_end(&p);
    tp_pack_kv_bool(&p, "b", true);
    tp_pack_end(&p);
    msgpack_object o = unpacked(&p, &u);
    cr_assert_eq(o.type, MSGPACK_OBJECT_MAP);
    cr_assert_eq(o.via.map.size, 3);
    cr_assert_eq(o.via.map.ptr[1].val.type, MSGPACK_OBJECT_ARRAY);
    cr_assert_eq(o.via.map.ptr[1].val.via.array.size, 4);
    msgpack_unpacked_destroy(&u);
    tp_pack_done(&p);
}

Test(pack, leaves_out_what_is_unknown)
{
    struct tp_pack p;
    msgpack_unpacked u;
    tp_pack_init(&p);
    tp_pack_map_begin(&p);
    tp_pack_kv_str(&p, "no", NULL);
    tp_pack_kv_str(&p, "empty", "");
    tp_pack_kv_known(&p, "unknown", -1);
    tp_pack_kv_known(&p, "zero", 0);
    tp_pack_end(&p);
    cr_assert_eq(unpacked(&p, &u).via.map.size, 1);
    msgpack_unpacked_destroy(&u);
    tp_pack_done(&p);
}

Test(pack, keeps_64_bit_numbers_exact)
{
    struct tp_pack p;
    msgpack_unpacked u;
    tp_pack_init(&p);
    tp_pack_map_begin(&p);
    tp_pack_kv_u64(&p, "n", UINT64_MAX);
    tp_pack_end(&p);
    cr_assert_eq(unpacked(&p, &u).via.map.ptr[0].val.via.u64, UINT64_MAX);
    msgpack_unpacked_destroy(&u);
    tp_pack_done(&p);
}
