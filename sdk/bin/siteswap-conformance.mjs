#!/usr/bin/env node
/** npm links a command only when its file is there at install time, before anything is compiled. */
import '../dist/sdk/conformance/main.js';
