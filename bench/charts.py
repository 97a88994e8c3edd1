# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Pictures of what was measured, by matplotlib."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

matplotlib.rcParams.update({"svg.hashsalt": "hyperchat", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
BARE, CHAT = "#9aa5b1", "#2563eb"
QUIET = {"metadata": {"Date": None}, "bbox_inches": "tight"}


def save(figure, path):
    figure.savefig(path, **(QUIET if path.suffix == ".svg" else {"dpi": 110, "bbox_inches": "tight"}))
    plt.close(figure)


def bars(path, title, names, bares, chats):
    """Bare and HyperChat, one pair of bars below the other; the ratio beside it."""
    figure, axes = plt.subplots(figsize=(7, 0.5 + 0.5 * len(names)))
    places = range(len(names))
    axes.barh([place - 0.18 for place in places], bares, 0.34, color=BARE, label="bare broker")
    axes.barh([place + 0.18 for place in places], chats, 0.34, color=CHAT, label="HyperChat")
    for place, bare, chat in zip(places, bares, chats):
        axes.text(max(bare, chat) * 1.01, place, f"{chat / bare:.2f} ×", va="center")
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_title(title, loc="left")
    axes.legend(frameon=False, loc="lower right")
    save(figure, path)


def curves(path, panels):
    """panels: (title, x label, {label: (xs, ys)}); x is logarithmic, y begins at 0."""
    figure, row = plt.subplots(1, len(panels), figsize=(4 * len(panels), 2.8), squeeze=False)
    for axes, (title, x_label, lines) in zip(row[0], panels):
        for (label, (xs, ys)), color in zip(lines.items(), (CHAT, BARE)):
            axes.plot([max(x, 1) for x in xs], ys, marker="o", color=color, label=label)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.set_title(title, loc="left")
        axes.set_xlabel(x_label)
        if len(lines) > 1:
            axes.legend(frameon=False)
    figure.tight_layout()
    save(figure, path)


def times(path, panels):
    """panels: (title, {label: (minutes, values)}), one below the other on the same time."""
    figure, column = plt.subplots(len(panels), 1, figsize=(8, 1.7 * len(panels)), sharex=True, squeeze=False)
    for (axes,), (title, lines) in zip(column, panels):
        for (label, (minutes, values)), color in zip(lines.items(), (CHAT, BARE)):
            axes.plot(minutes, values, color=color, label=label)
        axes.set_ylim(bottom=0)
        axes.set_title(title, loc="left")
        if len(lines) > 1:
            axes.legend(frameon=False, loc="lower right", ncols=2)
    column[-1][0].set_xlabel("minutes")
    figure.tight_layout()
    save(figure, path)
