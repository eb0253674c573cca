/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/lib/imap.h: an AVL tree; a published node on a changed path is copied first. */
#include <wherry/lib/errno.h>
#include <wherry/lib/imap.h>

static uint8_t height(const struct imap_node *n)
{
    return n == NULL ? 0 : n->height;
}

static void update_height(struct imap_node *n)
{
    uint8_t l = height(n->left);
    uint8_t r = height(n->right);

    n->height = (uint8_t)((l > r ? l : r) + 1);
}

const struct imap_node *imap_next(const struct imap_node *root, uint64_t addr)
{
    const struct imap_node *best = NULL;

    while (root != NULL) {
        imap_visit();
        if (root->last >= addr) {
            best = root;
            root = root->left;
        } else {
            root = root->right;
        }
    }
    return best;
}

static struct imap_node *new_node(struct imap_txn *t, uint64_t first, uint64_t last, uint64_t value)
{
    struct imap_node *n = t->alloc->alloc(t->alloc->ctx, sizeof(*n));

    if (n == NULL)
        return NULL;
    *n = (struct imap_node){
        .first = first, .last = last, .value = value, .link = t->fresh, .height = 1, .fresh = true};
    t->fresh = n;
    return n;
}

const struct imap_node *imap_find_flipped(const struct imap_node *n, uint64_t addr, uint64_t *value)
{
    uint64_t flip = 0;

    while (n != NULL) {
        imap_visit();
        flip ^= n->flip;
        if (addr < n->first)
            n = n->left;
        else if (addr > n->last)
            n = n->right;
        else
            break;
    }
    *value = n != NULL ? n->value ^ flip : 0;
    return n;
}

/* The node is not part of the new version any more. */
static void retire(struct imap_txn *t, struct imap_node *n)
{
    if (n->fresh) {
        n->dead = true;
        return;
    }
    n->link = t->obsolete;
    t->obsolete = n;
}

/* A node that may be changed, in place of n. */
static struct imap_node *own(struct imap_txn *t, struct imap_node *n)
{
    struct imap_node *copy;

    imap_visit();
    if (n->fresh)
        return n;
    copy = new_node(t, n->first, n->last, n->value);
    if (copy == NULL)
        return NULL;
    copy->left = n->left;
    copy->right = n->right;
    copy->height = n->height;
    copy->flip = n->flip;
    retire(t, n);
    return copy;
}

/* Flip bits in all of a subtree. */
static int flip_all(struct imap_txn *t, struct imap_node **n, uint64_t bits)
{
    struct imap_node *top;

    if (*n == NULL || bits == 0)
        return 0;
    top = own(t, *n);
    if (top == NULL)
        return -ENOMEM;
    *n = top;
    if (top->left == NULL && top->right == NULL) {
        top->value ^= bits; /* only itself: as cheap, and look-ups have nothing to collect */
        return 0;
    }
    top->flip ^= bits;
    t->flips = true;
    return 0;
}

/* `up` takes the place of its parent n: what each flips below itself changes with that. */
static void swap_flips(struct imap_node *up, struct imap_node *n)
{
    uint64_t flip = up->flip;

    up->flip ^= n->flip;
    n->flip = flip;
}

/* Rotations; n is owned. The child that comes up is made owned. NULL: no memory. */
static struct imap_node *rotate_right(struct imap_txn *t, struct imap_node *n)
{
    struct imap_node *l = own(t, n->left);

    if (l == NULL || flip_all(t, &l->right, l->flip) != 0)
        return NULL;
    swap_flips(l, n);
    n->left = l->right;
    l->right = n;
    update_height(n);
    update_height(l);
    return l;
}

static struct imap_node *rotate_left(struct imap_txn *t, struct imap_node *n)
{
    struct imap_node *r = own(t, n->right);

    if (r == NULL || flip_all(t, &r->left, r->flip) != 0)
        return NULL;
    swap_flips(r, n);
    n->right = r->left;
    r->left = n;
    update_height(n);
    update_height(r);
    return r;
}

static struct imap_node *lean_left(struct imap_txn *t, struct imap_node *n)
{
    if (height(n->left->left) < height(n->left->right)) {
        struct imap_node *l = own(t, n->left);

        if (l == NULL)
            return NULL;
        n->left = rotate_left(t, l);
        if (n->left == NULL)
            return NULL;
    }
    return rotate_right(t, n);
}

static struct imap_node *lean_right(struct imap_txn *t, struct imap_node *n)
{
    if (height(n->right->right) < height(n->right->left)) {
        struct imap_node *r = own(t, n->right);

        if (r == NULL)
            return NULL;
        n->right = rotate_right(t, r);
        if (n->right == NULL)
            return NULL;
    }
    return rotate_left(t, n);
}

/* Balance an owned node whose subtrees are balanced and differ by at most two. */
static struct imap_node *balance(struct imap_txn *t, struct imap_node *n)
{
    int lean = height(n->left) - height(n->right);

    if (lean > 1)
        return lean_left(t, n);
    if (lean < -1)
        return lean_right(t, n);
    update_height(n);
    return n;
}

static struct imap_node *insert(struct imap_txn *t, struct imap_node *n, struct imap_node *add)
{
    struct imap_node *sub;

    if (n == NULL)
        return add;
    n = own(t, n);
    if (n == NULL)
        return NULL;
    add->value ^= n->flip;
    sub = insert(t, add->first < n->first ? n->left : n->right, add);
    if (sub == NULL)
        return NULL;
    if (add->first < n->first)
        n->left = sub;
    else
        n->right = sub;
    return balance(t, n);
}

/*
 * Take the lowest node out of the subtree n; *min is it (owned, without children), its value as n's
 * parent sees it.
 */
static int remove_min(struct imap_txn *t, struct imap_node **n, struct imap_node **min)
{
    struct imap_node *top = own(t, *n);

    if (top == NULL)
        return -ENOMEM;
    if (top->left == NULL) {
        *n = top->right;
        *min = top;
        top->value ^= top->flip;
        return flip_all(t, n, top->flip);
    }
    if (remove_min(t, &top->left, min) != 0)
        return -ENOMEM;
    (*min)->value ^= top->flip;
    *n = balance(t, top);
    return *n == NULL ? -ENOMEM : 0;
}

/* Remove the node that has children on both sides: its successor takes its place. */
static int remove_inner(struct imap_txn *t, struct imap_node **n)
{
    struct imap_node *old = *n;
    struct imap_node *right = old->right;
    struct imap_node *min;

    if (remove_min(t, &right, &min) != 0)
        return -ENOMEM;
    min->left = old->left;
    min->right = right;
    min->flip = old->flip;
    retire(t, old);
    *n = balance(t, min);
    return *n == NULL ? -ENOMEM : 0;
}

/* Remove the interval that starts at `first`, which is in the subtree. */
static int remove_at(struct imap_txn *t, struct imap_node **n, uint64_t first)
{
    struct imap_node *top = *n;
    int rc;

    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the subtree
    if (top->first == first) {
        if (top->left != NULL && top->right != NULL)
            return remove_inner(t, n);
        *n = top->left != NULL ? top->left : top->right;
        retire(t, top);
        return flip_all(t, n, top->flip);
    }
    top = own(t, top);
    if (top == NULL)
        return -ENOMEM;
    rc = remove_at(t, first < top->first ? &top->left : &top->right, first);
    if (rc != 0)
        return rc;
    *n = balance(t, top);
    return *n == NULL ? -ENOMEM : 0;
}

static int add_interval(struct imap_txn *t, uint64_t first, uint64_t last, uint64_t value)
{
    struct imap_node *n = new_node(t, first, last, value);
    struct imap_node *root;

    if (n == NULL)
        return -ENOMEM;
    root = insert(t, t->root, n);
    if (root == NULL)
        return -ENOMEM;
    t->root = root;
    return 0;
}

void imap_begin(struct imap_txn *t, struct imap_node *root, const struct lib_alloc *alloc)
{
    *t = (struct imap_txn){.root = root, .flips = root != NULL && root->flips, .alloc = alloc};
}

int imap_clear(struct imap_txn *t, uint64_t first, uint64_t last)
{
    for (;;) {
        const struct imap_node *n = imap_next(t->root, first);
        struct imap_node was;
        int rc;

        if (n == NULL || n->first > last)
            return 0;
        was = *n;
        rc = remove_at(t, &t->root, was.first);
        if (rc == 0 && was.first < first)
            rc = add_interval(t, was.first, first - 1, was.value);
        if (rc == 0 && was.last > last)
            rc = add_interval(t, last + 1, was.last, was.value);
        if (rc != 0)
            return rc;
    }
}

/* Swallow a neighbour of the same value into [*first, *last]. */
static int merge_neighbour(struct imap_txn *t, uint64_t at, uint64_t value, uint64_t *first,
                           uint64_t *last)
{
    const struct imap_node *n = imap_lookup(t->root, at);

    if (n == NULL || n->value != value)
        return 0;
    if (n->first < *first)
        *first = n->first;
    if (n->last > *last)
        *last = n->last;
    return remove_at(t, &t->root, n->first);
}

int imap_assign(struct imap_txn *t, uint64_t first, uint64_t last, uint64_t value)
{
    int rc = imap_clear(t, first, last);

    if (rc == 0 && first > 0)
        rc = merge_neighbour(t, first - 1, value, &first, &last);
    if (rc == 0 && last < UINT64_MAX)
        rc = merge_neighbour(t, last + 1, value, &first, &last);
    if (rc == 0)
        rc = add_interval(t, first, last, value);
    return rc;
}

/* The node of `addr`, which is in the map, owned, as is the path to it. */
static struct imap_node *own_at(struct imap_txn *t, uint64_t addr)
{
    struct imap_node **at = &t->root;
    struct imap_node *n = NULL;

    while (*at != NULL) {
        n = own(t, *at);
        if (n == NULL)
            break;
        *at = n;
        if (addr >= n->first && addr <= n->last)
            break;
        at = addr < n->first ? &n->left : &n->right;
    }
    return n;
}

/* Let an interval begin at `addr`. */
static int split_at(struct imap_txn *t, uint64_t addr)
{
    struct imap_node *n;
    uint64_t value, last;

    if (imap_find_flipped(t->root, addr, &value)->first == addr)
        return 0;
    n = own_at(t, addr);
    if (n == NULL)
        return -ENOMEM;
    last = n->last;
    n->last = addr - 1;
    return add_interval(t, addr, last, value);
}

/* Let no interval begin at `addr`, if the value before is the same. */
static int merge_at(struct imap_txn *t, uint64_t addr)
{
    uint64_t value, before, last;
    struct imap_node *n;

    last = imap_find_flipped(t->root, addr, &value)->last;
    imap_find_flipped(t->root, addr - 1, &before);
    if (value != before)
        return 0;
    if (remove_at(t, &t->root, addr) != 0)
        return -ENOMEM;
    n = own_at(t, addr - 1);
    if (n == NULL)
        return -ENOMEM;
    n->last = last;
    return 0;
}

/* [first, last] begins and ends with intervals. The subtree n is all of [low, high]. */
static int flip_in(struct imap_txn *t, struct imap_node **at, uint64_t low, uint64_t high,
                   uint64_t first, uint64_t last, uint64_t bits)
{
    struct imap_node *n;
    int rc = 0;

    if (low >= first && high <= last)
        return flip_all(t, at, bits);
    n = own(t, *at);
    if (n == NULL)
        return -ENOMEM;
    *at = n;
    if (n->first >= first && n->last <= last)
        n->value ^= bits;
    if (n->left != NULL && first < n->first)
        rc = flip_in(t, &n->left, low, n->first - 1, first, last, bits);
    if (rc == 0 && n->right != NULL && last > n->last)
        rc = flip_in(t, &n->right, n->last + 1, high, first, last, bits);
    return rc;
}

/* Nothing but zero is not worth a node. */
static void drop_zero(struct imap_txn *t)
{
    struct imap_node *n = t->root;

    if (n->left != NULL || n->right != NULL || n->value != n->flip)
        return;
    retire(t, n);
    t->root = NULL;
}

int imap_flip(struct imap_txn *t, uint64_t first, uint64_t last, uint64_t bits)
{
    int rc = t->root == NULL ? add_interval(t, 0, UINT64_MAX, 0) : 0;

    if (rc == 0 && first > 0)
        rc = split_at(t, first);
    if (rc == 0 && last < UINT64_MAX)
        rc = split_at(t, last + 1);
    if (rc == 0)
        rc = flip_in(t, &t->root, 0, UINT64_MAX, first, last, bits);
    if (rc == 0 && first > 0)
        rc = merge_at(t, first);
    if (rc == 0 && last < UINT64_MAX)
        rc = merge_at(t, last + 1);
    if (rc == 0)
        drop_zero(t);
    return rc;
}

struct imap_node *imap_commit(struct imap_txn *t, struct imap_node **obsolete)
{
    struct imap_node *n = t->fresh;

    if (t->root != NULL && t->root->fresh)
        t->root->flips = t->flips;
    while (n != NULL) {
        struct imap_node *next = n->link;

        n->fresh = false;
        n->link = NULL;
        if (n->dead)
            t->alloc->free(t->alloc->ctx, n);
        n = next;
    }
    t->fresh = NULL;
    *obsolete = t->obsolete;
    return t->root;
}

void imap_abort(struct imap_txn *t)
{
    imap_free_list(t->fresh, t->alloc);
    t->fresh = NULL;
    t->obsolete = NULL;
}

void imap_free_list(struct imap_node *list, const struct lib_alloc *alloc)
{
    while (list != NULL) {
        struct imap_node *next = list->link;

        alloc->free(alloc->ctx, list);
        list = next;
    }
}

void imap_free_tree(struct imap_node *root, const struct lib_alloc *alloc)
{
    /* Flatten by right rotations, so that no stack is needed. */
    while (root != NULL) {
        struct imap_node *l = root->left;

        if (l != NULL) {
            root->left = l->right;
            l->right = root;
            root = l;
        } else {
            struct imap_node *r = root->right;

            alloc->free(alloc->ctx, root);
            root = r;
        }
    }
}
