// SPDX-License-Identifier: GPL-3.0-or-later
//
// Sharing files: dropped on the page or chosen, with words and people, then one after the other, each with its progress and a way to cancel it.

import { upload } from "./api.js";
import { ask, peoplePicker } from "./sharing.js";
import { el, icon, plain, size, toast } from "./words.js";

const tray = document.getElementById("tray"), drop = document.getElementById("drop"), input = document.getElementById("files");
const waiting = [], running = new Map();        // label -> the upload, for what the process tells of it
let serial = 0, busy = 0;

function line(job) {
	job.bar = el("progress", { max: "100", value: "0", "aria-label": `Upload of ${plain(job.file.name)}` });
	job.words = el("span", { class: "quiet", role: "status" }, `waiting, ${size(job.file.size)}`);
	job.stop = el("button", { type: "button", class: "tool", "aria-label": `Cancel ${plain(job.file.name)}`, onclick: () => cancel(job) }, icon("close"));
	job.line = el("div", { class: "upload" }, el("bdi", {}, plain(job.file.name)), job.words, job.bar, job.stop);
	tray.append(job.line);
	tray.hidden = false;
}

function remove(job) {
	job.line.remove();
	tray.hidden = tray.childElementCount === 0;
}

function cancel(job) {
	job.cancelled = true;
	if (job.sending)
		job.sending.cancel();
	else
		finish(job, "cancelled");
}

function finish(job, words, bad = false) {
	job.words.textContent = plain(words);
	job.bar.remove();
	job.line.classList.toggle("bad", bad);
	job.stop.setAttribute("aria-label", "Put away");
	job.stop.onclick = () => remove(job);
	job.done = true;
	if (!bad)
		setTimeout(() => remove(job), 4000);
}

/** The way to this process takes no time; what is shown is the way to the server. */
export function onProgress({ label, done, total }) {
	const job = running.get(label);
	if (!job || job.done || !total)
		return;
	job.bar.value = 100 * done / total;
	job.words.textContent = `${Math.floor(100 * done / total)} % of ${size(job.file.size)}`;
}

/** Some pictures cannot be rid of what they tell of place and time, but be made anew. */
function offerJpeg(job) {
	job.line.append(el("button", { type: "button", onclick: () => {
		remove(job);
		waiting.push({ file: job.file, caption: job.caption, to: job.to, label: `${job.label}j`, convert: "jpeg" });
		line(waiting.at(-1));
		next();
	} }, "Share as a new JPEG"));
}

async function send(job) {
	job.words.textContent = "sealing …";
	job.sending = upload(job.file, { name: job.file.name, caption: job.caption, to: job.to, label: job.label, convert: job.convert ?? "" }, () => {});
	try {
		await job.sending.promise;
		finish(job, "shared");
	} catch (error) {
		finish(job, error.name === "AbortError" ? "cancelled" : error.message, error.name !== "AbortError");
		if (error.status === 400 && !job.convert && job.file.type.startsWith("image/"))
			offerJpeg(job);
	}
}

async function next() {
	if (busy >= 2 || waiting.length === 0)
		return;
	const job = waiting.shift();
	if (!job.cancelled) {
		busy++;
		running.set(job.label, job);
		await send(job);
		running.delete(job.label);
		busy--;
	}
	next();
}

/** Asks with whom and with which words, then begins. */
export async function share(files) {
	const list = [...files].filter((file) => file.size > 0 || file.type);
	if (list.length === 0)
		return;
	const picker = peoplePicker(), id = `caption-${++serial}`;
	const caption = el("input", { type: "text", id, maxlength: "1000", autocomplete: "off" });
	const all = list.reduce((sum, file) => sum + file.size, 0);
	const title = list.length === 1 ? "Share 1 file" : `Share ${list.length} files`;
	const answer = await ask(title, [el("p", { class: "quiet" }, el("bdi", {}, plain(list.length === 1 ? list[0].name : `${list[0].name} …`)), `, ${size(all)}. Sealed on this device for the people you choose, and for your own devices.`),
		...picker.parts, el("label", { class: "field", for: id }, "Caption", caption)], [{ words: "Cancel", value: "" }, { words: "Share", value: "share", kind: "primary" }]);
	if (answer !== "share")
		return;
	for (const file of list) {
		const job = { file, caption: caption.value, to: picker.chosen().join(","), label: `u${++serial}-${Date.now()}` };
		waiting.push(job);
		line(job);
	}
	next();
	next();
}

/* ---------------------------------------------- choosing ---------------------------------------------- */

document.getElementById("add").addEventListener("click", () => input.click());
input.addEventListener("change", () => {
	share(input.files);
	input.value = "";
});

let depth = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
function over(change) {
	depth = Math.max(0, depth + change);
	drop.hidden = depth === 0;
}
addEventListener("dragenter", (event) => { if (hasFiles(event)) { event.preventDefault(); over(1); } });
addEventListener("dragleave", (event) => { if (hasFiles(event)) over(-1); });
addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
addEventListener("drop", (event) => {
	if (!hasFiles(event))
		return;
	event.preventDefault();
	over(-depth);
	if (document.querySelector("dialog[open]"))
		toast("Close what is open first, then drop the files again.");
	else
		share(event.dataTransfer.files);
});
