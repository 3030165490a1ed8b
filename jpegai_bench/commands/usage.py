"""The subcommands: how each is written, what it does, examples."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A subcommand."""

    name: str
    usage: str
    summary: str
    details: str
    words: tuple[str, ...] = ()
    """Positional arguments."""
    optional: bool = False
    """Whether the last of them may be left out."""
    repeats: bool = False
    """Whether the last of them may be given several times."""
    options: tuple[str, ...] = ()
    """Settings that only some commands take, and this one does."""
    variant: str | None = None
    """The variant that is meant when none is given; None where the command takes none."""
    does: str = ""
    """The command whose work it does, where that is another."""
    results: str = "on stdout; nothing is kept."
    """Where results go."""
    composes: bool = True
    """Whether it takes settings."""

    @property
    def module(self) -> str:
        """The file in `commands` that does it."""
        return self.does or self.name


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "run",
            "run +variant=NAME [dataset=sample|kodak|folder] [overrides]",
            "code a data set, measure it, write tables and plots",
            """Codes every image at every rate into real bitstreams, decodes them, measures seven metrics,
compares with the anchor and with base, counts kMACs/pixel. Finished images are kept: the same
command goes on where a killed one stopped.

  jpegai-bench run +variant=combined
  jpegai-bench run +variant=combined dataset=kodak dataset.path=photos/kodak
  jpegai-bench run -m +variant=base,combined dataset=folder dataset.path=photos

  dataset.limit=3      the first three images      qualities=[0,1.5,3,5]   the rates
  rates=target         0.06, 0.12, 0.25, 0.5, 0.75 bpp, each met within 2% where the model reaches it
  targets=[0.1,0.3]    with rates=target: others, in bpp
  weights=FOLDER       weights of your own         weights=train           train them first
  workers=2            processes that measure      results=PATH            where results go
  pictures=all         keep the decoded pictures of every image for the report; 4 unless given
  -m                   for each of several variants or settings, as `sweep`""",
            options=("rates", "targets", "arch", "checkpoint", "peers", "shards", "fail_fast", "pictures"),
            variant="base",
            results="""points.csv, complexity.json, run.json and log.txt in results/runs/VARIANT/KEY; tables
and plots of all that the data set has in results/tables and results/plots, the table on stdout.""",
        ),
        Command(
            "sweep",
            "sweep [+variant=NAME,NAME] [dataset=…] [hydra/launcher=joblib|slurm] [overrides]",
            "every variant, and any other axis; finished ones are not run again",
            """`run` for every variant, those of --config-dir too, or for those that are named, and for every
combination with further lists. What is in the store is not measured again; why a unit is, is said. One job
that fails leaves the others running and is told at the end with the command that does it again. Killed, the
same command goes on from there; two at once share out the work.

  jpegai-bench sweep dataset=kodak
  jpegai-bench sweep dataset=kodak experiment=vcip2023
  jpegai-bench sweep +variant=base,combined rates=quality,target
  jpegai-bench sweep weights=train training=ablation 'training.data=[photos]' training.seed=0,1,2

  hydra/launcher=joblib hydra.launcher.n_jobs=4     several jobs at once on this machine
  hydra/launcher=slurm shards=8                     a cluster: each variant's images shared out to 8 jobs
  fail_fast=true                                    stop at the first failure
  experiment=vcip2023                               the variants of a paper, and its tables at the end""",
            options=(
                "rates",
                "targets",
                "arch",
                "checkpoint",
                "peers",
                "shards",
                "fail_fast",
                "experiment",
                "pictures",
            ),
            variant="glob(*)",
            does="run",
            results="as of run; what became of each job is in results/sweeps.",
        ),
        Command(
            "train",
            "train +variant=NAME training.data=[FOLDER,…] [training=smoke|ablation|small|paper]",
            "train a variant; resumes",
            """Trains analysis, entropy model and synthesis together, or with training=ablation the synthesis
alone on the frozen encoder that ships, as the shipped weights were made. Killed, the same command
goes on from the last checkpoint; Ctrl-C and SIGTERM write one. Prints the folder of the weights.

  jpegai-bench train +variant=base training=smoke 'training.data=[photos]'
  jpegai-bench train +variant=combined training=ablation 'training.data=[photos]'
  jpegai-bench train -m +variant=base,combined training=ablation 'training.data=[photos]' training.seed=0,1,2

  training=paper model=paper       the paper's size, for a GPU
  training.train=synthesis training.init_from=WEIGHTS    on the frozen encoder of other weights
  training.devices=2               GPUs, or processes on the CPU
  training.max_minutes=50          stop with a checkpoint; the same command goes on
  training.loggers=[csv,tensorboard,mlflow]""",
            variant="base",
            results="weights, checkpoint, log.csv, validation.csv, log.txt in results/training/VARIANT/KEY.",
        ),
        Command(
            "complexity",
            "complexity [+variant=NAME] [model=small|paper] [format=table|csv|json|markdown|latex]",
            "kMACs/pixel by part, counted three ways, and parameters",
            """Counts every variant, or the one that is named, beside the paper's figures.

  jpegai-bench complexity model=paper
  jpegai-bench complexity +variant=combined
  jpegai-bench complexity model=paper format=csv > kmacs.csv

  model=paper          the paper's size; model.luma=96 and so on change single numbers
  --config-dir my_conf +variant=mine      a variant of your own""",
            variant="",
        ),
        Command(
            "encode",
            "encode IN OUT [+variant=NAME] [quality=3 | target_bpp=0.25] [reconstruction=R.png]",
            "code one picture into a bitstream",
            """The quality is a real number from 0 (lowest rate) to model.qualities - 1; target_bpp finds the
one that meets a rate within 2%, or the nearest.

  jpegai-bench encode photo.png photo.jai
  jpegai-bench encode photo.png photo.jai +variant=combined quality=1.5
  jpegai-bench encode photo.png photo.jai target_bpp=0.25
  jpegai-bench encode photo.png photo.jai reconstruction=expected.png

  rdo=false            round to the nearest: more bits, less error
  weights=FOLDER       weights of your own; whoever decodes needs the same""",
            options=("quality", "target_bpp", "rdo", "reconstruction"),
            words=("IN", "OUT"),
            variant="base",
            results="the bitstream in OUT, its size on stdout.",
        ),
        Command(
            "decode",
            "decode IN OUT [+variant=NAME]",
            "decode a bitstream into a PNG",
            """Any variant whose synthesis was trained on the same encoder can decode a bitstream.

  jpegai-bench decode photo.jai photo.png
  jpegai-bench decode photo.jai photo.png +variant=combined
  jpegai-bench decode photo.jai photo.png weights=FOLDER

  weights=FOLDER       those that the bitstream was written with, where they do not ship""",
            words=("IN", "OUT"),
            variant="base",
            results="the picture in OUT, its size on stdout.",
        ),
        Command(
            "anchor",
            "anchor [codec=NAME|[NAME,…]|all] [dataset=sample|kodak|folder] [overrides]",
            "points of conventional codecs and learned peers on a data set",
            """Codes and measures again, whatever ships with the package, into results/anchors/. Finished
images are kept: the same command goes on where a killed one stopped. `jpegai-bench list anchors`
shows the codecs, and which can be used here.

  jpegai-bench anchor codec=vvc dataset=sample
  jpegai-bench anchor codec=all dataset=kodak dataset.path=photos/kodak
  jpegai-bench anchor codec=jpeg dataset=folder dataset.path=photos 'anchor.jpeg.qualities=[10,30,50,70]'

  anchor.vvc.preset=slow           any setting of a codec's node: jpegai-bench anchor codec=vvc --cfg job
  codec=compressai arch=mbt2018-mean checkpoint=[q1.pth.tar,q2.pth.tar]   a learned peer, a file for each rate
  --config-dir my_conf codec=mine  a codec of your own: my_conf/anchor/mine.yaml
  workers=2                        processes that measure
  pictures=all                     keep the decoded pictures of every image for the report""",
            options=("codec", "arch", "checkpoint", "pictures"),
            results="points.csv, run.json and log.txt in results/anchors/CODEC/KEY; means on stdout.",
        ),
        Command(
            "latency",
            "latency [+variant=NAME] [codec=NAME|[NAME,…]|all] [dataset=sample|kodak] [overrides]",
            "encoding and decoding seconds, by part for variants",
            """Times one codec after the other, in a process of its own on one core, in one thread: every
image is coded and decoded once to warm up, then three times; the median counts. A process may be a
quarter slower than the next of the same codec, so three do it; the one in the middle counts, and the
range is that of all. Where nothing is named it times every variant. For variants it shows seconds by
part, how much of the machine's peak each makes use of, and time beside kMACs, both by base's. Let
nothing else run meanwhile; beside a run of the same results folder it refuses to. The times are kept
in results/latency/, and measured again whenever they are asked for.

  jpegai-bench latency dataset=kodak dataset.limit=3
  jpegai-bench latency +variant=combined dataset=kodak dataset.limit=3 format=csv
  jpegai-bench latency codec=jpeg
  jpegai-bench latency codec=all dataset=kodak

  repeats=9            how often each is timed
  processes=1          by one process alone: a third of the time
  device=cuda          variants on a GPU; rANS stays on the core
  quality=32           on one codec's scale; otherwise that of its grid whose mean rate is nearest 0.5 bpp
  codec=compressai arch=mbt2018-mean checkpoint=[q1.pth.tar,q2.pth.tar]   a learned peer""",
            options=("codec", "arch", "checkpoint", "quality", "repeats", "processes", "device"),
            variant="",
            results="results/latency, where tables find decode times; means on stdout.",
        ),
        Command(
            "metrics",
            "metrics REFERENCE DISTORTED [only=[NAME,…]] [format=table|csv|json|markdown|latex]",
            "seven quality metrics of a pair of pictures, or of two folders",
            """Two files, or two folders whose pictures are paired by name without the suffix. The original
comes first. What has no partner or cannot be read is named; the rest goes on.

  jpegai-bench metrics photo.png photo.jpg
  jpegai-bench metrics originals decoded format=csv > scores.csv
  jpegai-bench metrics originals decoded 'only=[ms_ssim,vmaf,psnr_y]'

  workers=2            processes, one a core unless given; less memory with fewer
  device=cuda          where torch computes        format=json             with reasons and versions
  metrics.backend=piq  MS-SSIM, FSIM, IW-SSIM and VIF by piq itself""",
            options=("only", "device"),
            words=("REFERENCE", "DISTORTED"),
        ),
        Command(
            "tables",
            "tables [experiment=NAME] [results=PATH] [format=table|csv|json|markdown|latex]",
            "rebuild the tables from the store",
            """Reads results/runs and results/anchors, writes results/tables; measures nothing.

  jpegai-bench tables
  jpegai-bench tables format=markdown
  jpegai-bench tables dataset=kodak anchor=[vvc,hevc] peers=all
  jpegai-bench tables experiment=vcip2023

  experiment=NAME      each study of an experiment, the paper's own figures in columns beside ours: as CSV,
                       Markdown and LaTeX into results/tables/NAME
  anchor=, peers=      codecs of the store, or whose points ship: what BD-rates are taken against (a block
                       each), and further rows""",
            options=("anchors", "experiment", "peers"),
            results="results/tables as CSV, Markdown and LaTeX, and stdout.",
        ),
        Command(
            "plots",
            "plots [experiment=NAME] [results=PATH]",
            "rebuild the plots from the store",
            """Reads results/runs and results/anchors, writes results/plots; unchanged plots are left alone.

  jpegai-bench plots
  jpegai-bench plots results=results/demo
  jpegai-bench plots dataset=kodak peers=[hevc,av1,jpeg]
  jpegai-bench plots experiment=vcip2023

  dataset=, model=     which study, where the store holds several
  anchor=, peers=      codecs of the store, or whose points ship, as curves beside the variants""",
            options=("anchors", "experiment", "peers"),
            results="results/plots as PNG and PDF; their paths on stdout.",
        ),
        Command(
            "report",
            "report [experiment=NAME] [images=embedded|linked] [results=PATH]",
            "one page to look at: tables, curves, pictures, provenance",
            """Writes results/report/index.html from the store alone: one file that loads nothing from
anywhere, to be opened in a browser or sent to a colleague. It measures nothing; what is missing it
names, with the command that makes it.

  jpegai-bench report
  jpegai-bench report dataset=kodak model=small
  jpegai-bench report experiment=vcip2023
  jpegai-bench report images=linked

  experiment=NAME      its variants alone, and the figures of its paper
  images=linked        pictures lossless, as files in results/report/pictures, not inside the page
  anchor=, peers=      as for tables; without peers= every codec that was measured on the images""",
            options=("anchors", "peers", "images", "experiment"),
            results="results/report/index.html; its path on stdout.",
        ),
        Command(
            "export",
            "export [experiment=NAME] [dataset=…] [model=…] [dest=FILE.zip] [overrides]",
            "pack a study into one archive, for a paper's supplement",
            """Packs the tables and plots of a study, every run that they rest on (manifest with its settings,
points, complexity, decode times), those of the codecs beside them, the settings of each run, configurations
of your own, a README and hashes. Unpacked, `jpegai-bench tables` makes the same tables from it again. It has
no pictures, bitstreams or weights. An equal store gives equal bytes.

  jpegai-bench export
  jpegai-bench export experiment=vcip2023
  jpegai-bench export dataset=kodak model=small dest=supplement.zip
  jpegai-bench export experiment=vcip2023 anonymous=true

  experiment=NAME      its variants alone, its tables, and the figures of its paper
  anonymous=true       for a double-blind review: without names of machines and folders
  anchor=, peers=      as for tables""",
            options=("anchors", "experiment", "peers", "anonymous", "dest"),
            results="results/export/NAME.zip, or where dest= says; its path on stdout.",
        ),
        Command(
            "bdrate",
            "bdrate ANCHOR TEST [curve=image|mean] [format=table|csv|json|markdown|latex] [plot=FILE]",
            "BD-rate of TEST against ANCHOR, from two files",
            """Each is a CSV with the columns image, bpp and metrics of any name (without image: one curve), a
result JSON of CompressAI, or a run's folder. Images are paired by name. What has no BD-rate is NA
with its reason.

  jpegai-bench bdrate vvc.csv mine.csv
  jpegai-bench bdrate vvc.csv mine.csv format=csv > bdrate.csv
  jpegai-bench bdrate vtm.json results/runs/base/KEY curve=mean plot=curves.png

  method=cubic         or akima; pchip is the default
  curve=mean           of the curves of mean rate and mean quality, not of each image
  bd_metric=true       also the mean difference in quality at equal rate
  bpp_range=[0.1,1]    only points between these rates
  lower_is_better=[lpips]   metrics of yours that are better when lower; NLPD is known
  only=[vmaf,psnr_y]   these metrics alone         metrics.hvs=hvs         PSNR-HVS in the mean of seven""",
            options=("only", "curve", "bd_metric", "bpp_range", "lower_is_better", "plot"),
            words=("ANCHOR", "TEST"),
            results="on stdout; with plot=FILE.png (.pdf, .svg) the curves in a file.",
        ),
        Command(
            "compare",
            "compare A B [anchor=LABEL | anchor_points=FILE] [format=table|csv|json|markdown|latex]",
            "whether B differs from A by more than luck",
            """A and B are variants or anchors in the store, or files as `bdrate` reads them, or points that
ship, as vvc/kodak. Prints the paired difference of their BD-rates against the anchor with interval and
p-value, metric by metric, beside the direct BD-rate. Of a variant that was trained with several seeds all
count; `compare A A` prints the spread over the seeds of A.

  jpegai-bench compare base combined
  jpegai-bench compare base combined dataset=kodak model=small format=csv
  jpegai-bench compare mine.csv theirs.csv anchor_points=vvc.csv
  jpegai-bench compare jpeg/kodak webp/kodak anchor_points=vvc/kodak
  jpegai-bench compare combined combined

  dataset=, model=     which study, where the store holds several
  anchor=hevc          an anchor of the store other than the one that the runs were made with
  method=, metrics.hvs=, bpp_range=, lower_is_better=       as for bdrate""",
            options=("anchors", "anchor_points", "bpp_range", "lower_is_better"),
            words=("A", "B"),
        ),
        Command(
            "data",
            "data get kodak|jpegai-test [dest=PATH] [url=BASE]",
            "fetch a test set",
            """Fetches what is missing or not as published, checks every file by its SHA-256, and prints the
folder. Interrupted or cut off, the same command goes on from there. Where there is no network it
says how to place the files by hand.

  jpegai-bench data get kodak
  jpegai-bench data get kodak dest=photos/kodak
  jpegai-bench data get jpegai-test url=https://mirror.example/jpegai

  dest=PATH            the folder, unless $JPEGAI_BENCH_DATA/kodak or data/kodak is meant
  url=BASE             another mirror: files are fetched from BASE/kodim01.png and so on""",
            options=("dest", "url"),
            words=("get", "SET"),
            results="the pictures in the folder, whose path is on stdout.",
        ),
        Command(
            "list",
            "list [variants|datasets|anchors|weights|runs]",
            "what there is",
            """Variants, data sets with how many of their pictures are here, anchors with what can be used
here and whose points are ready, weights with their training, and the runs of the store: state, pictures,
age, size with all that was kept for them, key. `runs remove` takes the key, or its beginning.

  jpegai-bench list
  jpegai-bench list variants
  jpegai-bench list runs results=results/demo

  results=PATH         the store whose runs are listed
  weights=FOLDER       whose weights are listed, instead of those that ship
  --config-dir DIR     anchors of your own too""",
            words=("WHAT",),
            optional=True,
        ),
        Command(
            "runs",
            "runs remove WHICH… [dataset=…] [model=…] [ask=false] [results=PATH]",
            "remove runs from the store; asks first",
            """WHICH is a run's key or how it begins, the name of a variant or codec, or failed, killed,
damaged or unneeded; the last is what no table, plot or comparison over seeds of the store rests on.
With a run go its finished units and decoded pictures, unless another run has them too. What is to go,
which tables need it, and how much room it takes is told before you are asked. A run that is under way
is left alone.

  jpegai-bench runs remove failed killed
  jpegai-bench runs remove unneeded ask=false
  jpegai-bench runs remove mine dataset=kodak
  jpegai-bench runs remove 53c20e5e

  dataset=, model=     of a name or word, only the runs on it
  ask=false            do not ask, as in a script
  What there is, with its keys: jpegai-bench list runs""",
            options=("ask",),
            words=("remove", "WHICH"),
            repeats=True,
            results="their folders on stdout.",
        ),
        Command(
            "doctor",
            "doctor [results=PATH] [format=table|json]",
            "what is here of what the commands need; what to do where it is not",
            """Versions, cores and threads, GPU, what ffmpeg can do, data sets, weights, the results folder
and its free space, extras. The exit status is 1 where something is broken that every installation needs.

  jpegai-bench doctor
  jpegai-bench doctor results=results/demo
  jpegai-bench doctor format=json > doctor.json

  results=PATH         the folder whose disk is looked at
  format=json          for a program; a report of a defect needs the table""",
        ),
        Command(
            "completion",
            "completion bash|zsh",
            "a script that completes words with the tab key",
            """Prints a script for the shell to read. It completes commands, variants, groups, settings,
choices and files, those of --config-dir too.

  eval "$(jpegai-bench completion bash)"
  jpegai-bench completion bash > ~/.local/share/bash-completion/completions/jpegai-bench
  jpegai-bench completion zsh > ~/.zfunc/_jpegai-bench

  The first completes in this shell alone, or from ~/.bashrc in each; the second wherever bash-completion is
  installed; the third where ~/.zshrc has `fpath+=~/.zfunc` before `autoload -Uz compinit; compinit`.""",
            words=("SHELL",),
            composes=False,
        ),
    )
}
