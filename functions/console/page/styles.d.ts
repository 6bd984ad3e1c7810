/** esbuild makes one file of all style sheets that are imported. */
declare module '*.css';
