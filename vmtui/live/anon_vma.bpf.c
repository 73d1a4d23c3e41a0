/*
 * What no file under /proc tells: the anon_vmas of the kernel underneath.
 *
 * Three BPF iterators; each is read like a file and gives records of seven 64-bit words, the kind of record
 * first.  They are compiled where they are used: IN_ARENA(start, end), whether a VMA is a scenario's, comes
 * from the command line, and where a member lies in its struct is looked up in the kernel's BTF when they are
 * loaded.  So the structs name no more than the members that are read, in any order.
 */

#define SEC(name) __attribute__((section(name), used))
#define KERNEL __attribute__((preserve_access_index))

/* The kernel lends the helpers called here to programs under a GPL-compatible licence alone. */
char LICENCE[] SEC("license") = "Dual MIT/GPL";

typedef unsigned int u32;
typedef unsigned long long u64;

struct seq_file;
struct task_struct;
struct bpf_map;

/* Helpers have numbers and no symbols: enum bpf_func_id. */
static long (*bpf_probe_read_kernel)(void *to, u32 bytes, const void *from) = (void *)113;
static long (*bpf_seq_write)(struct seq_file *file, const void *data, u32 bytes) = (void *)127;

typedef struct {
	int counter;
} atomic_t;

struct list_head {
	struct list_head *next;
} KERNEL;

struct anon_vma {
	struct anon_vma *root;
	struct anon_vma *parent;
	unsigned long num_children;
	unsigned long num_active_vmas;
	atomic_t refcount;
} KERNEL;

struct anon_vma_chain {
	struct anon_vma *anon_vma;
	struct list_head same_vma;
} KERNEL;

struct xarray {
	void *xa_head;
} KERNEL;

struct address_space {
	struct xarray i_pages;
} KERNEL;

struct file {
	struct address_space *f_mapping;
} KERNEL;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_pgoff;
	struct list_head anon_vma_chain;
	struct anon_vma *anon_vma;
	struct file *vm_file;
} KERNEL;

struct folio {
	struct address_space *mapping;
	unsigned long index;
} KERNEL;

struct page {
	unsigned long private;
} KERNEL;

struct bpf_iter_meta {
	struct seq_file *seq;
} KERNEL;

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct vm_area_struct *vma;
} KERNEL;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *value;
} KERNEL;

/* Read a member through a pointer that the verifier does not know to be good. */
#define READ(to, from) bpf_probe_read_kernel(&(to), sizeof(to), &(from))

enum { VMA = 1, AVC = 2, CUT = 3, FILE = 4, FOLIO = 5 };

/* AVCs of one VMA: what is read at once, 32 KiB, has room for twice as many. */
#define LONGEST_CHAIN 256

struct record {
	u64 kind;
	u64 words[6];
};

#define WRITE(file, ...)                                      \
	do {                                                  \
		struct record record = { __VA_ARGS__ };       \
		bpf_seq_write(file, &record, sizeof(record)); \
	} while (0)

/* list_entry(link, struct anon_vma_chain, same_vma): 0 asks for the member's offset in bytes. */
static struct anon_vma_chain *avc_of(struct list_head *link)
{
	struct anon_vma_chain *none = 0;

	return (void *)link - __builtin_preserve_field_info(none->same_vma, 0);
}

static void show_avc(struct seq_file *out, struct anon_vma *anon_vma)
{
	struct anon_vma *root = 0, *parent = 0;
	unsigned long num_children = 0, num_active_vmas = 0;
	int refcount = 0;

	READ(root, anon_vma->root);
	READ(parent, anon_vma->parent);
	READ(num_children, anon_vma->num_children);
	READ(num_active_vmas, anon_vma->num_active_vmas);
	READ(refcount, anon_vma->refcount.counter);
	WRITE(out, AVC, { (u64)anon_vma, (u64)root, (u64)parent, num_children, num_active_vmas, refcount });
}

/* Each VMA of a scenario in one process; behind it its AVCs, in the order of vma->anon_vma_chain. */
SEC("iter/task_vma") int show_vma(struct bpf_iter__task_vma *context)
{
	struct vm_area_struct *vma = context->vma;
	struct seq_file *out = context->meta->seq;
	struct list_head *head, *link;
	int count;

	if (!vma || !(IN_ARENA(vma->vm_start, vma->vm_end)))
		return 0;
	WRITE(out, VMA, { vma->vm_start, vma->vm_end, vma->vm_pgoff, (u64)vma->anon_vma });
	head = &vma->anon_vma_chain;
	link = vma->anon_vma_chain.next;
	for (count = 0; count < LONGEST_CHAIN; count++) {
		struct anon_vma *anon_vma = 0;
		struct anon_vma_chain *avc;

		if (link == head)
			return 0;
		avc = avc_of(link);
		READ(anon_vma, avc->anon_vma);
		show_avc(out, anon_vma);
		READ(link, avc->same_vma.next);
	}
	WRITE(out, CUT, { vma->vm_start });
	return 0;
}

/* Each VMA of a file in one process, and what its address_space has for page 0 if it has no other page. */
SEC("iter/task_vma") int show_file(struct bpf_iter__task_vma *context)
{
	struct vm_area_struct *vma = context->vma;
	struct address_space *mapping;

	if (!vma || !vma->vm_file)
		return 0;
	mapping = vma->vm_file->f_mapping;
	/* 1 asks for the size of a type in bytes. */
	WRITE(context->meta->seq, FILE,
	      { vma->vm_start, (u64)mapping, (u64)mapping->i_pages.xa_head,
		__builtin_preserve_type_info(*(struct page *)0, 1) });
	return 0;
}

#define BPF_MAP_TYPE_ARRAY 2

/* The addresses of the folios that are asked for; 0 for none. */
struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	int (*max_entries)[FOLIOS];
	u32 *key;
	u64 *value;
} folios SEC(".maps");

SEC("iter/bpf_map_elem") int show_folio(struct bpf_iter__bpf_map_elem *context)
{
	u64 *value = context->value;
	struct address_space *mapping = 0;
	unsigned long index = 0;
	struct folio *folio;

	if (!value || !*value)
		return 0;
	folio = (struct folio *)*value;
	READ(mapping, folio->mapping);
	READ(index, folio->index);
	WRITE(context->meta->seq, FOLIO, { (u64)folio, (u64)mapping, index });
	return 0;
}
