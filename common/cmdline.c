/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's command line (include/wherry/cmdline.h), taken from the device tree's /chosen.
 */
#include <wherry/cmdline.h>
#include <wherry/device.h>
#include <wherry/init.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>

#define WORD_MAX 256

/* One word, "name" or "name=value". */
static void parse_word(char *word)
{
    char *value = strchr(word, '=');
    int rc;

    if (value != NULL)
        *value++ = '\0';
    for (const struct cmdline_param *p = __cmdline_params_start; p < __cmdline_params_end; p++) {
        if (strcmp(p->name, word) != 0)
            continue;
        rc = p->fn(value != NULL ? value : "");
        if (rc != 0)
            printk("command line: %s: bad value \"%s\" (%d)\n", word, value != NULL ? value : "",
                   rc);
        return;
    }
    printk("command line: %s is not known, ignored\n", word);
}

void cmdline_parse(const char *line)
{
    while (*line != '\0') {
        char word[WORD_MAX];
        size_t n = 0;

        if (*line == ' ' || *line == '\t' || *line == '\n') {
            line++;
            continue;
        }
        while (line[n] != '\0' && line[n] != ' ' && line[n] != '\t' && line[n] != '\n')
            n++;
        if (n >= sizeof(word)) {
            printk("command line: a word of %u characters is ignored\n", (unsigned int)n);
        } else {
            memcpy(word, line, n);
            word[n] = '\0';
            parse_word(word);
        }
        line += n;
    }
}

/* The kernel's module, or one without a type, which is the kernel's if it has a command line. */
static bool may_be_kernel(const struct fdt *fdt, int node)
{
    const char *compatible = fdt_prop_string(fdt, node, "compatible");

    if (compatible == NULL)
        return false;
    return fdt_is_compatible(fdt, node, "multiboot,kernel") ||
           fdt_is_compatible(fdt, node, "xen,linux-zimage") ||
           strcmp(compatible, "multiboot,module") == 0 ||
           strcmp(compatible, "xen,multiboot-module") == 0;
}

/* Has a boot module under /chosen its own command line? Then the general one is not the kernel's.
 */
static bool module_has_bootargs(const struct fdt *fdt, int chosen)
{
    int node;

    fdt_for_each_subnode (fdt, node, chosen) {
        const char *args = fdt_prop_string(fdt, node, "bootargs");

        if (args != NULL && *args != '\0' && may_be_kernel(fdt, node))
            return true;
    }
    return false;
}

static const char *text = ""; /* set once at boot */

const char *cmdline_text(void)
{
    return text;
}

/*
 * As in the boot protocol of Xen on Arm: "xen,xen-bootargs"; without it "bootargs", provided that
 * the control domain's kernel has a command line of its own (or else it is for the kernel).
 */
static int cmdline_init(void)
{
    const struct fdt *fdt = host_fdt();
    int chosen = fdt_find_path(fdt, "/chosen");
    const char *line;

    if (chosen < 0)
        return 0;
    line = fdt_prop_string(fdt, chosen, "xen,xen-bootargs");
    if (line == NULL &&
        (fdt_has_prop(fdt, chosen, "xen,dom0-bootargs") || module_has_bootargs(fdt, chosen)))
        line = fdt_prop_string(fdt, chosen, "bootargs");
    if (line == NULL)
        return 0;
    text = line;
    printk("command line: %s\n", line);
    cmdline_parse(line);
    return 0;
}
INIT_CALL(INIT_EARLY, cmdline_init);
