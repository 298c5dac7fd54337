import { shortId } from "../base/id.ts";

const ADJECTIVES =
  "able airy alert amber ample artful azure balmy bold brave breezy bright brisk busy calm candid cheerful civil clear clever cosy crisp curious daring dapper deft eager earnest easy elated epic exact fair famous fearless fine fleet fluent fond frank fresh friendly gallant gentle gifted glad golden graceful grand happy hardy hearty helpful honest hopeful humble ideal jolly jovial joyful keen kind lively logical loyal lucid lucky mellow merry mighty mindful modest neat nimble noble open patient peaceful placid playful plucky polite proud prudent quick quiet quirky radiant ready robust rosy serene sharp silent sleek smart snug sober solid sonic spry steady stoic sturdy subtle sunny swift tender tidy tranquil trusty upbeat valiant vivid warm wise witty zealous zesty".split(
    " ",
  );

/** Scientists, engineers and mathematicians. */
const SURNAMES =
  "abel agnesi ampere anning archimedes avogadro babbage banach bardeen bassi becquerel bell bernoulli bessel bohr boole born boyle brahe brattain burnell cannon cantor carson cauchy chandrasekhar chebyshev church clarke copernicus coulomb curie dalton darwin davy descartes dijkstra dirac doppler easley edison einstein elion erdos euclid euler faraday fermat fermi feynman fibonacci fleming fourier franklin galileo galois gauss germain gibbs godel goodall hamilton hawking heaviside heisenberg helmholtz hermite herschel hertz hilbert hodgkin hopper hubble hypatia jacobi jenner johnson joule kalman kelvin kepler khorana knuth kovalevskaya lagrange lamarr laplace lavoisier leavitt leibniz linnaeus lorentz lovelace margulis maxwell mayer mcclintock meitner mendel mendeleev minkowski mirzakhani nash nernst newton nobel noether ohm oppenheimer pascal pasteur pauli pauling payne perlman planck poincare poisson ptolemy pythagoras ramanujan riemann rontgen rubin rutherford sagan salk schrodinger shannon sinoussi snell stokes swartz tesla thales torvalds turing varahamihira volta watt weierstrass wiles wozniak wu yalow yukawa zeno zuse".split(
    " ",
  );

const TRIES = 6;

/**
 * A name for who gave none: `brave_hopper`. On a clash a digit is put behind it; after six of them the short id is taken.
 * Never boring_wozniak: Steve Wozniak is not boring.
 */
export function randomName(id: string, taken: (name: string) => boolean, random = Math.random): string {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const plain = `${pick(ADJECTIVES, random)}_${pick(SURNAMES, random)}`;
    const name = attempt === 0 ? plain : plain + Math.floor(random() * 10);
    if (plain !== "boring_wozniak" && !taken(name)) return name;
  }
  return shortId(id);
}

const pick = (from: readonly string[], random: () => number): string =>
  from[Math.floor(random() * from.length)]!;
