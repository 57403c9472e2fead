// Stands for an edge function of your own.
Deno.serve(() => new Response("ok"));
