export { Bootstrap } from './bootstrap.js';
